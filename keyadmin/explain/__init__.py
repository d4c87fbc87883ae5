"""Explains whether a key may make a call, which rule decides, and what would allow the call.

It evaluates the rules of `keyadmin.callpath` and has none of its own. Read the modules in this order: `inputs.py` (key
and call), `rules.py` (the result of each rule), `explanation.py` (the explanation and its JSON), `context.py`,
`messages.py` and `remedies.py` (its texts).
"""
