"""Tests of the call path, most of them by HTTP against a live server."""
