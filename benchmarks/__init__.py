"""Benchmarks of calls, beside floors and peers on the same machine. `make bench` writes RESULTS.md."""
