"""The pages and `/api/`, for gunicorn or any WSGI server."""

import os

import django
from django.urls import get_resolver

from keyadmin.conf import conf
from keyadmin.db.backend.base import enable_page_deadline

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "keyadmin.settings")

django.setup(set_prefix=False)

from keyadmin.callpath.state import state  # noqa: E402 - models need the settings
from keyadmin.server.wsgi_handler import Handler  # noqa: E402

application = Handler()

enable_page_deadline(conf.page_deadline_seconds, lambda: state.circuit_breaker)

# Django imports the views with the first request, which takes a second or more. A call of a new worker that waits for
# that may be answered 503, so they are imported before any worker accepts connections.
_ = get_resolver().url_patterns
