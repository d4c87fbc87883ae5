"""Pure Python that every other package uses: functions and immutable values. No Django, no database, no I/O."""
