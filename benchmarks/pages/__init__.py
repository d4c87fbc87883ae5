"""Benchmarks of pages: fills an installation of a given size, and requests every page over HTTP."""
