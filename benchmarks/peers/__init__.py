"""Libraries that a Django project could use instead, in an environment of their own (requirements/bench.txt)."""
