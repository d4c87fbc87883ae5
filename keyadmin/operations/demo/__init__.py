"""Demonstration data: two organisations with people, bots, channels, and a key in every state.

`data` describes them, and `load` creates them. `usage_history` and `usage_rows` generate calls of the past 30 days.
"""
