-- Counts denied calls of identified keys by hour and reason. Also for deleted keys, whose hours stay.
INSERT INTO usage_hour (key_id, hour, outcome, count)
SELECT key_id, date_trunc('hour', clock_timestamp(), 'UTC'), reason, calls
FROM unnest(%(keys)s::uuid[], %(reasons)s::text[], %(calls)s::bigint[]) AS counted (key_id, reason, calls)
ORDER BY key_id, reason
ON CONFLICT (key_id, hour, outcome) DO UPDATE SET count = usage_hour.count + excluded.count
