"""Maintenance of usage data: `roll_up` sums calls by day, `pruning` deletes old rows."""
