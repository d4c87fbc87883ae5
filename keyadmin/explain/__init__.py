"""Explains whether a key would be allowed a call, and which rule decides. The rules are the call path's own.

Read the modules in this order: `inputs.py` (key and call), `rules.py` (every rule's result), `explanation.py` (the
explanation, and its JSON), `context.py`, `messages.py` and `remedies.py` (its texts).
"""
