"""What became of calls: counted in memory as they are decided, written every second. Start reading at `tally.py`."""
