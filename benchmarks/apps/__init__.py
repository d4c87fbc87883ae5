"""The targets of the load: the same trivial view alone, behind keyadmin, and behind a hand-written check."""
