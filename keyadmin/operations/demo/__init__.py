"""Demonstration data: two organisations with people, bots, channels, and a key in every state.

`data` describes them, `load` creates them, `usage_history` and `usage_rows` invent their calls of the past 30 days.
"""
