"""Requests by day and outcome."""
