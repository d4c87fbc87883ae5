"""The call path: whether the key in a call may make it. Start reading at `authenticate.py`."""
