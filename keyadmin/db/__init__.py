"""Connections to PostgreSQL: URLs, database roles, and Django's backend with the deadline of a page."""
