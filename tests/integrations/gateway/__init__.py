"""`/verify`: requests to granian, and nginx and Caddy in front of an upstream."""
