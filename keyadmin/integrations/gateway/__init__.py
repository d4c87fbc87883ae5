"""`/verify`: the endpoint that a gateway asks about each call. `python -m keyadmin.server.verify_server` serves it."""
