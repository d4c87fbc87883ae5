"""What only a real browser can show: Chromium against the live server."""
