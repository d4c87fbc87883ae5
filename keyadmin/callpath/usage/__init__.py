"""Usage: counts verdicts in memory and writes the counts every second. Read `recorder.py` first."""
