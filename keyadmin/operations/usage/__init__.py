"""Maintenance of usage: `roll_up` sums calls by day, `pruning` deletes old rows."""
