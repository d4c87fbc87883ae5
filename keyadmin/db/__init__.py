"""Connections of pages and commands to PostgreSQL: URLs, roles, and Django's backend with a deadline for pages."""
