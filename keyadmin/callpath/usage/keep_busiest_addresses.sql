-- Deletes, for each of the keys and days, all addresses but the busiest and the same number of candidates. Skips rows
-- that another process has locked: they are not locked in a common order, so waiting for them could deadlock.
WITH ranked AS (
    SELECT key_id, day, address, weight,
        row_number() OVER (PARTITION BY key_id, day ORDER BY count DESC, address) AS position
    FROM address_day
    WHERE key_id = ANY(%(keys)s::uuid[]) AND day >= (clock_timestamp() AT TIME ZONE 'UTC')::date - 1
), candidate AS (
    SELECT key_id, day, address,
        row_number() OVER (PARTITION BY key_id, day ORDER BY weight DESC, address) AS position
    FROM ranked WHERE position > %(busiest)s
), surplus AS (
    SELECT address_day.key_id, address_day.day, address_day.address
    FROM address_day JOIN candidate USING (key_id, day, address)
    WHERE position > %(busiest)s
    FOR UPDATE OF address_day SKIP LOCKED
)
DELETE FROM address_day USING surplus
WHERE (address_day.key_id, address_day.day, address_day.address) = (surplus.key_id, surplus.day, surplus.address)
