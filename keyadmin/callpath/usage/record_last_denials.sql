-- Records the last denied call of a key for a reason. Processes do not write in the order of the calls: the later stays.
INSERT INTO last_denial (key_id, reason, at, address, call)
SELECT key_id, reason, clock_timestamp() - age * interval '1 second', address, call
FROM unnest(%(keys)s::uuid[], %(reasons)s::text[], %(ages)s::float8[], %(addresses)s::inet[], %(called)s::text[])
    AS denied (key_id, reason, age, address, call)
WHERE EXISTS (SELECT FROM key WHERE key.id = denied.key_id)
ORDER BY key_id, reason
ON CONFLICT (key_id, reason) DO UPDATE SET at = excluded.at, address = excluded.address, call = excluded.call
    WHERE excluded.at > last_denial.at
