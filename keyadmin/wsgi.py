"""The pages and `/api/`, for gunicorn or any WSGI server."""

import os

from django.core.wsgi import get_wsgi_application

from keyadmin.conf import conf
from keyadmin.db.backend.base import enable_page_deadline

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "keyadmin.settings")

application = get_wsgi_application()

from keyadmin.callpath.state import state  # noqa: E402 - models need the settings

enable_page_deadline(conf.page_deadline_seconds, lambda: state.circuit_breaker)
