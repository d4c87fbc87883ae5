"""The call path against a live server, as a program meets it."""
