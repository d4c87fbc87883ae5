"""Measurements behind records in docs/decisions/. Each module runs by itself and prints a Markdown table."""
