"""gunicorn's settings for the comparison: the kind and number of workers of keyadmin, and nothing else.

The floor and the peers have them too: where one of two workers had all connections, chance would be measured.
"""

workers = 2
threads = 8
worker_class = "keyadmin.server.gunicorn_worker.Worker"
loglevel = "warning"
control_socket_disable = True
