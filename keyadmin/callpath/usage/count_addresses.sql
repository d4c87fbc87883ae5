-- Allowed calls by where they came from. A new address begins with the weight of the candidate that it displaces,
-- where all places are taken; see AddressDay. Returns the keys that have one more now: a row that was there before
-- is one that the statement itself has ended (xmax).
WITH today AS MATERIALIZED (SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date AS day), written AS (
    INSERT INTO address_day (key_id, day, address, count, weight, call)
    SELECT counted.key_id, today.day, counted.address, calls, calls + taken.least, called
    FROM unnest(%(keys)s::uuid[], %(addresses)s::inet[], %(calls)s::bigint[], %(called)s::text[])
        AS counted (key_id, address, calls, called)
    CROSS JOIN today
    CROSS JOIN LATERAL (
    SELECT CASE WHEN count(*) >= 2 * %(busiest)s THEN min(weight) FILTER (WHERE place > %(busiest)s) ELSE 0 END AS least
    FROM (
        SELECT weight, row_number() OVER (ORDER BY count DESC, address) AS place
        FROM address_day WHERE key_id = counted.key_id AND day = today.day
    ) AS known
) AS taken
    WHERE EXISTS (SELECT FROM key WHERE key.id = counted.key_id)
    ORDER BY key_id, address
    ON CONFLICT (key_id, day, address) DO UPDATE
    SET count = address_day.count + excluded.count, weight = address_day.weight + excluded.count,
        call = CASE WHEN excluded.call = '' THEN address_day.call ELSE excluded.call END
    RETURNING key_id, xmax = 0 AS is_new
)
SELECT DISTINCT key_id FROM written WHERE is_new
