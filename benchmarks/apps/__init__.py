"""What the load is sent to: the same trivial answer, behind nothing, behind keyadmin, behind a hand-written check."""
