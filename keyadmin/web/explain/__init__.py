"""Explain: whether a key would be allowed to make a request, and why."""
