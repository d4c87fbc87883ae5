"""The processes of keyadmin: command line, servers, worker, embedded PostgreSQL, health, metrics and logging."""
