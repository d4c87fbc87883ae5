-- Counts the calls if the snapshot's versions are the present ones, nothing has expired, the minute is that of
-- the newest cell and the rolling hour has room. Otherwise a row says that the snapshot is stale; or no row
-- does, and meter_settle decides.
WITH drawn AS (
    UPDATE meter SET cells[1] = cells[1] + %(cost)s, used = used + %(cost)s, total = total + %(cost)s,
        last_used_at = clock_timestamp(), last_used_ip = %(address)s
    WHERE key_id = %(key)s AND version = %(version)s AND used + %(cost)s <= %(limit)s
        AND minute = floor(extract(epoch FROM clock_timestamp()) / 60)
        AND (SELECT number FROM version WHERE subject = %(organisation)s) = %(organisation_version)s
        AND (SELECT number FROM version WHERE subject = '00000000-0000-0000-0000-000000000000')
            = %(catalogue_version)s
        AND (%(expiry)s::timestamptz IS NULL OR clock_timestamp() < %(expiry)s)
    RETURNING used
)
SELECT 'drawn', used, NULL FROM drawn
UNION ALL
SELECT 'stale', 0, NULL WHERE NOT EXISTS (SELECT FROM drawn) AND NOT coalesce(
    (SELECT version FROM meter WHERE key_id = %(key)s) = %(version)s
    AND (SELECT number FROM version WHERE subject = %(organisation)s) = %(organisation_version)s
    AND (SELECT number FROM version WHERE subject = '00000000-0000-0000-0000-000000000000')
        = %(catalogue_version)s
    AND (%(expiry)s::timestamptz IS NULL OR clock_timestamp() < %(expiry)s), false)
