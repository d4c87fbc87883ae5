"""The ASGI application of an example project."""

from django.core.asgi import get_asgi_application

application = get_asgi_application()
