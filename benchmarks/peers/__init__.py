"""What a Django project would take instead. Installed in an environment of its own, from requirements/bench.txt."""
