"""Template tags: words and pictures for pages."""
