-- Counts the calls if the snapshot's versions are the present ones, nothing has expired, the minute is that of
-- the newest cell and the rolling hour has room. Otherwise a row says that the snapshot is stale; or no row
-- does, and meter_settle decides.
--   $1 key  $2 version  $3 organisation  $4 its version  $5 the catalogue's version  $6 expiry  $7 limit  $8 cost
--   $9 address
WITH drawn AS (
    UPDATE meter SET cells[1] = cells[1] + $8::integer, used = used + $8::integer, total = total + $8::integer,
        last_used_at = clock_timestamp(), last_used_ip = $9::inet
    WHERE key_id = $1::uuid AND version = $2::bigint AND used + $8::integer <= $7::bigint
        AND minute = floor(extract(epoch FROM clock_timestamp()) / 60)
        AND (SELECT number FROM version WHERE subject = $3::uuid) = $4::bigint
        AND (SELECT number FROM version WHERE subject = '00000000-0000-0000-0000-000000000000') = $5::bigint
        AND ($6::timestamptz IS NULL OR clock_timestamp() < $6::timestamptz)
    RETURNING used
)
SELECT 'drawn', used, NULL FROM drawn
UNION ALL
SELECT 'stale', 0, NULL WHERE NOT EXISTS (SELECT FROM drawn) AND NOT coalesce(
    (SELECT version FROM meter WHERE key_id = $1::uuid) = $2::bigint
    AND (SELECT number FROM version WHERE subject = $3::uuid) = $4::bigint
    AND (SELECT number FROM version WHERE subject = '00000000-0000-0000-0000-000000000000') = $5::bigint
    AND ($6::timestamptz IS NULL OR clock_timestamp() < $6::timestamptz), false)
