"""The call path: everything that decides and counts one API call. Only this package uses psycopg for calls.

Read the modules in this order:

1. `request.py`: method, path and headers of a request → its token and a `Call`, or a denial.
2. `credentials.py`: headers → exactly one token, or a denial.
3. `authorize.py`: token and call → a verdict.
4. `rules.py` and `on_behalf_of.py`: the rules about key state, address, permission, channel and On-Behalf-Of.
5. `snapshot.py`: the cached, immutable view of a key. `load_snapshot.sql` loads it in one statement.
6. `route_table.py`: the routes, which say what scopes allow a method and path.
7. `limits.py`: counts a call against its key's limit in one statement (`consume.sql`).
8. `batching.py`: counts the calls of several threads in one statement (`consume_many.sql`).
9. `connection.py` and `circuit_breaker.py`: connections with a deadline, and denials while PostgreSQL does not answer.
10. `usage/`: counts verdicts in memory, and writes the counts every second.
11. `metrics.py`: counters for Prometheus.
12. `state.py`: the object that holds all of this in a process; `background.py`: its threads.
"""
