"""The servers that tests call: the real gunicorn, its real workers, the test database."""
