"""Calls by programs, as SECURITY.md promises them, against the live server."""
