"""Template tags and filters: text, events of the history, and charts."""
