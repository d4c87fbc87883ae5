"""Everything that one API call runs through. Nothing else in keyadmin uses psycopg for calls.

Read the modules in this order:

1. `request.py`: a received request → its credential and a `Call`, or a denial.
2. `credentials.py`: the headers → exactly one token, without the database.
3. `authorize.py`: token and call → a verdict; the rules (state, address, permission, channel, On-Behalf-Of).
4. `snapshot.py`: the cached, immutable view of a key; `load_snapshot.sql` loads it in one statement.
5. `route_table.py` and `impersonation.py`: which permission a path needs, and the person an On-Behalf-Of names.
6. `limits.py`: counts the call against its limit in one statement (`consume.sql`).
7. `batching.py`: the consumptions of several threads in one statement.
8. `connection.py` and `circuit_breaker.py`: connections with a deadline, and what happens when PostgreSQL is away.
9. `usage/`: what calls came to, counted in memory and written every second.
10. `metrics.py`: counters of the call path for Prometheus.
"""
