"""How fast calls are decided, beside floors and peers on the same machine: `make bench` writes RESULTS.md."""
