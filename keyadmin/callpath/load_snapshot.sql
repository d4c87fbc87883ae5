-- The key whose secret has one of the digests, with the versions of everything read here. SnapshotRow has the columns.
-- The digests are of one token under each pepper, so at most one row matches. LIMIT 1 tells the planner so.
SELECT s.id AS secret_id, s.pepper_id, s.not_after IS NOT NULL AS is_in_grace,
    least(k.expires_at, s.not_after) AS expires_at,
    k.revoked_at IS NOT NULL AS is_revoked,
    coalesce(least(k.expires_at, s.not_after) <= clock_timestamp(), false) AS is_expired,
    NOT (o.is_active AND coalesce(b.is_active, true)) AS is_paused,
    meter_used(m.minute, m.cells, m.used) AS used,
    m.version AS key_version, ov.number AS organisation_version, cv.number AS catalogue_version,
    k.id, k.key_id, k.name, k.kind, ARRAY[k.prefix, o.key_prefix] AS prefixes,
    o.id AS organisation_id, o.slug AS organisation_slug, o.name AS organisation_name,
    b.id AS bot_id, b.name AS bot_name, t.name AS tier, t.hourly_limit AS "limit",
    -- For a key that inherits: all scopes that its kind may have. Only a master key may act for people.
    CASE WHEN k.inherits THEN ARRAY(SELECT name FROM scope WHERE k.kind = 'master' OR name <> 'users:impersonate')
        ELSE ARRAY(SELECT scope_id FROM key_scope WHERE key_id = k.id) END AS scopes,
    ARRAY(SELECT c.slug FROM key_channel kc JOIN channel c ON c.id = kc.channel_id WHERE kc.key_id = k.id) AS channels,
    ARRAY(SELECT network::text FROM allow_list_entry WHERE key_id = k.id) AS key_networks,
    ARRAY(SELECT network::text FROM allow_list_entry WHERE bot_id = k.bot_id) AS bot_networks,
    k.inherits, coalesce(p.is_active, false) AS creator_is_active,
    coalesce(p.system_role, '') AS creator_system_role, coalesce(r.role, '') AS creator_role
FROM (SELECT id, key_id, pepper_id, not_after FROM secret WHERE digest = ANY(%(digests)s) LIMIT 1) s
JOIN key k ON k.id = s.key_id
JOIN organisation o ON o.id = k.organisation_id
JOIN tier t ON t.id = k.tier_id
JOIN meter m ON m.key_id = k.id
JOIN version ov ON ov.subject = o.id
JOIN version cv ON cv.subject = '00000000-0000-0000-0000-000000000000'
LEFT JOIN bot b ON b.id = k.bot_id
LEFT JOIN person p ON k.inherits AND p.id = k.creator_id
LEFT JOIN membership r ON r.person_id = p.id AND r.organisation_id = o.id
