-- Adds the calls of finished hours of one day to the daily sums of the organisations and bots that own the keys, and of
-- the whole installation.
-- The last minute of a key that was not used since is still in its meter. It is counted here, because it moves to the
-- ledger only at the next call, and these hours are not added again.
-- The owner of a deleted key is taken from the event of its deletion.
-- last_used_day has an index: a meter whose minute has calls was used on the day of that minute, or on the next day if
-- the clock was set back.
WITH calls AS MATERIALIZED (
    SELECT key_id, outcome, sum(count)::bigint AS count
    FROM (
        SELECT key_id, outcome, count FROM usage_hour WHERE hour >= %(since)s AND hour < %(until)s
        UNION ALL
        SELECT key_id, 'ok', cells[1] FROM meter
        WHERE last_used_day BETWEEN (%(since)s AT TIME ZONE 'UTC')::date AND (%(since)s AT TIME ZONE 'UTC')::date + 1
            AND cells[1] > 0
            AND minute >= extract(epoch FROM %(since)s)::bigint / 60
            AND minute < extract(epoch FROM %(until)s)::bigint / 60
    ) AS counted
    GROUP BY key_id, outcome
), owned AS MATERIALIZED (
    SELECT coalesce(key.organisation_id, gone.organisation_id) AS organisation, coalesce(key.bot_id, gone.bot_id) AS bot,
        calls.outcome, sum(calls.count)::bigint AS count
    FROM calls
    LEFT JOIN key ON key.id = calls.key_id
    LEFT JOIN LATERAL (
        SELECT event.organisation_id, bot.id AS bot_id
        FROM event
        LEFT JOIN bot ON bot.organisation_id = event.organisation_id AND bot.name = event.changes #>> '{bot,0}'
        WHERE key.id IS NULL AND event.target_id = calls.key_id::text AND event.type = 'key.deleted'
        LIMIT 1
    ) AS gone ON true
    GROUP BY 1, 2, calls.outcome
), sums AS (
    SELECT %(installation)s::uuid AS subject, 'all' AS key_subset, outcome, count FROM owned
    UNION ALL
    SELECT %(installation)s::uuid, 'own', outcome, count FROM owned WHERE bot IS NULL AND organisation IS NOT NULL
    UNION ALL
    SELECT organisation, 'all', outcome, count FROM owned WHERE organisation IS NOT NULL
    UNION ALL
    SELECT organisation, 'own', outcome, count FROM owned WHERE bot IS NULL AND organisation IS NOT NULL
    UNION ALL
    SELECT bot, 'all', outcome, count FROM owned WHERE bot IS NOT NULL
)
INSERT INTO usage_day (subject, key_subset, day, outcome, count)
SELECT subject, key_subset, (%(since)s AT TIME ZONE 'UTC')::date, outcome, sum(count) FROM sums
GROUP BY subject, key_subset, outcome
ORDER BY subject, key_subset, outcome
ON CONFLICT (subject, key_subset, day, outcome) DO UPDATE SET count = usage_day.count + excluded.count
