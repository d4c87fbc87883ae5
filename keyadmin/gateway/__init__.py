"""The door for gateways: whether a call that they received may pass. Start reading at `app.py`."""
