"""Usage: counts of decided calls, kept in memory and written every second. Start reading at `recorder.py`."""
