"""What serves keyadmin: `make run`, gunicorn and granian settings, health, metrics and logging."""
