"""Everything that one API call runs through. No other package of keyadmin uses psycopg for calls.

Read the modules in this order:

1. `request.py`: a received request → its token and a `Call`, or a denial.
2. `credentials.py`: headers → exactly one token. Sends no statement.
3. `authorize.py`: token and call → a verdict.
4. `rules.py` and `on_behalf_of.py`: the rules about key state, address, permission, channel and On-Behalf-Of.
5. `snapshot.py`: the cached, immutable view of a key. `load_snapshot.sql` loads it in one statement.
6. `route_table.py`: the permission that a method and path need, from the catalogue.
7. `limits.py`: counts the call against its limit in one statement (`consume.sql`).
8. `batching.py`: one statement for the calls of several threads.
9. `connection.py` and `circuit_breaker.py`: connections with a deadline, and calls while PostgreSQL is unavailable.
10. `usage/`: counts of decided calls, kept in memory and written every second.
11. `metrics.py`: counters for Prometheus.
12. `state.py`: the one object that holds all of this in a process; `background.py`: its threads.
"""
