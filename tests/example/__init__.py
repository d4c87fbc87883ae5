"""A project that installs keyadmin: its API is closed by keyadmin's middleware."""
