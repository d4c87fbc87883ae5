"""Would a key be allowed a call, and which rule decides? By the call path's own rules. Start at `explanation.py`."""
