-- Writes the daily sums of the keys between two midnights, from the ledger and from the newest minute in the meters.
-- Replaces earlier sums, so that it can run again.
WITH given AS MATERIALIZED (SELECT unnest(%(keys)s::uuid[]) AS key_id), counted AS (
    SELECT given.key_id, (hour AT TIME ZONE 'UTC')::date AS day, outcome = 'ok' AS is_allowed, count
    FROM given JOIN usage_hour ON usage_hour.key_id = given.key_id AND hour >= %(first)s AND hour < %(until)s
    UNION ALL
    SELECT given.key_id, (to_timestamp(minute * 60) AT TIME ZONE 'UTC')::date, true, cells[1]
    FROM given JOIN meter ON meter.key_id = given.key_id AND cells[1] > 0
        AND minute >= extract(epoch FROM %(first)s)::bigint / 60
        AND minute < extract(epoch FROM %(until)s)::bigint / 60
)
INSERT INTO key_day (key_id, day, allowed, denied)
SELECT key_id, day, coalesce(sum(count) FILTER (WHERE is_allowed), 0), coalesce(sum(count) FILTER (WHERE NOT is_allowed), 0)
FROM counted
GROUP BY key_id, day
ORDER BY key_id, day
ON CONFLICT (key_id, day) DO UPDATE SET allowed = excluded.allowed, denied = excluded.denied
    WHERE (key_day.allowed, key_day.denied) IS DISTINCT FROM (excluded.allowed, excluded.denied)
