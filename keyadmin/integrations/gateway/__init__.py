"""`/verify`: a gateway asks here about each call. `python -m keyadmin.server.verify_server` serves it."""
