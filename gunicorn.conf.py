from keyadmin.server.gunicorn_conf import *  # noqa: F403
