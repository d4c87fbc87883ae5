"""The overview, which is the first page."""
