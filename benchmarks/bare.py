"""gunicorn's settings for the floor and the peers: the same kind and number of workers as keyadmin.

keyadmin's kind of worker spreads connections over the workers. With another kind, one of two workers could get all
connections, and the figures would depend on chance.
"""

workers = 2
threads = 8
worker_class = "keyadmin.server.gunicorn_worker.Worker"
loglevel = "warning"
control_socket_disable = True
