"""The pages and `/api/`, for gunicorn or any WSGI server."""

import os

from django.core.wsgi import get_wsgi_application

from keyadmin.conf import conf
from keyadmin.db.backend.base import be_impatient

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "keyadmin.settings")

application = get_wsgi_application()
be_impatient(conf.page_deadline_seconds)
