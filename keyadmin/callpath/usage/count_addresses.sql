-- Counts allowed calls by client address. See AddressDay for the algorithm: if a key's day has the maximum number of
-- rows, a new address starts with the weight of the candidate that it replaces. keep_busiest_addresses.sql then deletes
-- that candidate.
-- Returns the keys with a new address. `xmax = 0` is true for a row that this statement has inserted, and false for one
-- that it has updated.
WITH today AS MATERIALIZED (SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date AS day), written AS (
    INSERT INTO address_day (key_id, day, address, count, weight, call)
    SELECT counted.key_id, today.day, counted.address, calls, calls + displaced.weight, called
    FROM unnest(%(keys)s::uuid[], %(addresses)s::inet[], %(calls)s::bigint[], %(called)s::text[])
        AS counted (key_id, address, calls, called)
    CROSS JOIN today
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN count(*) >= 2 * %(busiest)s THEN min(ranked.weight) FILTER (WHERE position > %(busiest)s)
            ELSE 0
        END AS weight
        FROM (
            SELECT address_day.weight, row_number() OVER (ORDER BY count DESC, address) AS position
            FROM address_day WHERE key_id = counted.key_id AND day = today.day
        ) AS ranked
    ) AS displaced
    WHERE EXISTS (SELECT FROM key WHERE key.id = counted.key_id)
    ORDER BY key_id, address
    ON CONFLICT (key_id, day, address) DO UPDATE
    SET count = address_day.count + excluded.count, weight = address_day.weight + excluded.count,
        call = CASE WHEN excluded.call = '' THEN address_day.call ELSE excluded.call END
    RETURNING key_id, xmax = 0 AS is_new
)
SELECT DISTINCT key_id FROM written WHERE is_new
