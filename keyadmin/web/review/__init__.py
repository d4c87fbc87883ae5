"""The review report: keys that need attention."""
