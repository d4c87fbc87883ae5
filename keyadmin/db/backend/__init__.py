"""Django's PostgreSQL backend with a deadline for pages. See `base.py`."""
