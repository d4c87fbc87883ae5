-- Counts allowed calls by the scopes that opened them.
INSERT INTO scope_day (key_id, day, scope, count)
SELECT key_id, (clock_timestamp() AT TIME ZONE 'UTC')::date, scope, calls
FROM unnest(%(keys)s::uuid[], %(scopes)s::text[], %(calls)s::bigint[]) AS counted (key_id, scope, calls)
WHERE EXISTS (SELECT FROM key WHERE key.id = counted.key_id)
ORDER BY key_id, scope
ON CONFLICT (key_id, day, scope) DO UPDATE SET count = scope_day.count + excluded.count
