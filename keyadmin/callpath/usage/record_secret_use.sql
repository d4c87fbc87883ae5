-- Records the last allowed call with a replaced secret. Processes do not write in the order of the calls: the later stays.
INSERT INTO secret_use (secret_id, last_used_at)
SELECT secret_id, clock_timestamp() - age * interval '1 second'
FROM unnest(%(secrets)s::uuid[], %(ages)s::float8[]) AS used (secret_id, age)
WHERE EXISTS (SELECT FROM secret WHERE secret.id = used.secret_id)
ORDER BY secret_id
ON CONFLICT (secret_id) DO UPDATE SET last_used_at = excluded.last_used_at
    WHERE excluded.last_used_at > secret_use.last_used_at
