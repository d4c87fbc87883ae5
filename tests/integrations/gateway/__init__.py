"""`/verify` as gateways use it: granian by raw bytes, and real nginx and Caddy in front of a real upstream."""
