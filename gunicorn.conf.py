"""gunicorn's settings in a checkout. keyadmin/server/gunicorn_conf.py describes them."""

from keyadmin.server.gunicorn_conf import *  # noqa: F403
