-- Leaves each key's day its busiest addresses, and as many candidates. A row that another process is writing waits
-- for the next time: these are met in no order that keeps two processes from waiting for each other.
WITH placed AS (
    SELECT key_id, day, address, weight,
        row_number() OVER (PARTITION BY key_id, day ORDER BY count DESC, address) AS place
    FROM address_day
    WHERE key_id = ANY(%(keys)s::uuid[]) AND day >= (clock_timestamp() AT TIME ZONE 'UTC')::date - 1
), candidate AS (
    SELECT key_id, day, address, row_number() OVER (PARTITION BY key_id, day ORDER BY weight DESC, address) AS place
    FROM placed WHERE place > %(busiest)s
), light AS (
    SELECT address_day.key_id, address_day.day, address_day.address
    FROM address_day JOIN candidate USING (key_id, day, address)
    WHERE place > %(busiest)s
    FOR UPDATE OF address_day SKIP LOCKED
)
DELETE FROM address_day USING light
WHERE (address_day.key_id, address_day.day, address_day.address) = (light.key_id, light.day, light.address)
