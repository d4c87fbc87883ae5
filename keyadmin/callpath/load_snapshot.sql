-- A key by the digest of its secret, and the versions that what is read here is of, in one statement. The limit
-- tells the planner what it cannot know: that of a token's digests, one for each pepper, at most one is there.
SELECT s.id, s.pepper_id, s.not_after IS NOT NULL, least(k.expires_at, s.not_after),
    k.revoked_at IS NOT NULL,
    coalesce(least(k.expires_at, s.not_after) <= clock_timestamp(), false),
    NOT (o.is_active AND coalesce(b.is_active, true)),
    meter_used(m.minute, m.cells, m.used),
    m.version, ov.number, cv.number,
    k.id, k.key_id, k.name, k.kind, o.id, o.slug, o.name, b.id, b.name, t.name, t.hourly_limit,
    -- What a creator's roles are applied to. Nobody but a master key acts for people.
    CASE WHEN k.inherits THEN ARRAY(SELECT name FROM scope WHERE k.kind = 'master' OR name <> 'users:impersonate')
        ELSE ARRAY(SELECT scope_id FROM key_scope WHERE key_id = k.id) END,
    ARRAY(SELECT c.slug FROM key_channel kc JOIN channel c ON c.id = kc.channel_id WHERE kc.key_id = k.id),
    ARRAY(SELECT network::text FROM allow_list_entry WHERE key_id = k.id),
    ARRAY(SELECT network::text FROM allow_list_entry WHERE bot_id = k.bot_id),
    k.inherits, coalesce(p.is_active, false), coalesce(p.system_role, ''), coalesce(r.role, '')
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
