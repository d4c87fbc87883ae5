"""The pages' connections to PostgreSQL: Django's own, which in a web server never wait for a server that is away."""
