"""Organisations, their settings and their public API keys."""
