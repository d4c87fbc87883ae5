"""The history: all recorded events, read-only."""
