-- Two layouts of history for history_partitions.py: `parts` as keyadmin has it, and declarative `partitions`.
-- `search_terms` is keyadmin's event_terms; its prefix is the number of the event's part, or one blank in `partitions`.

CREATE TABLE parts (
    number bigint PRIMARY KEY,
    at timestamptz NOT NULL,
    verb text NOT NULL,
    actor_kind text NOT NULL,
    actor_id uuid,
    actor_label text NOT NULL,
    door text NOT NULL,
    ip inet,
    user_agent text NOT NULL,
    request_id text NOT NULL,
    organisation_id uuid,
    organisation_label text NOT NULL,
    target_kind text NOT NULL,
    target_id text NOT NULL,
    target_label text NOT NULL,
    changes jsonb NOT NULL,
    reason text NOT NULL,
    previous_hash bytea NOT NULL,
    hash bytea NOT NULL
);

CREATE TABLE chain_head (number bigint NOT NULL);

CREATE FUNCTION search_terms(
    prefix text, number bigint, verb text, actor_id uuid, actor_label text, organisation_id uuid,
    organisation_label text, target_id text, target_label text, ip inet, request_id text, changes jsonb, reason text
) RETURNS tsvector LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    gap constant text := '[\x01-/:-@[-`{-\x7f\u00a0\u2000-\u206f\u3000]+';
    texts text := left(concat_ws(
        ' ', '', actor_label, target_label, organisation_label, reason, request_id, replace(changes::text, '\n', ' ')
    ), 20000);
    ranges text;
BEGIN
    IF octet_length(texts) > 1500 THEN
        texts := regexp_replace(texts, replace('([^-]{60})[^-]+', '-', btrim(gap, '[]+')), '\1', 'g');
    END IF;
    IF jsonb_exists_any(changes, ARRAY['networks', 'network']) THEN
        SELECT string_agg(prefix || 'n~' || translate(match[1], ':', ';'), '') INTO ranges
        FROM regexp_matches(texts, '[0-9a-f]*[.:][0-9a-f]*[.:][0-9a-f.:]*(?:/[0-9]+)?', 'g') AS match;
    END IF;
    RETURN concat(
        CASE WHEN prefix <> ' ' THEN prefix || 's=' || to_hex(number >> 10 & 63) END,
        prefix || 'v=' || verb,
        prefix || 'i=' || actor_id,
        prefix || 'o=' || organisation_id,
        prefix || 'g=' || translate(target_id, E':''\\ ', '____'),
        prefix || 'n~' || translate(host(ip), ':', ';'),
        ranges,
        regexp_replace(lower(' ' || actor_label), gap, prefix || 'a~', 'g'),
        regexp_replace(lower(' ' || target_label), gap, prefix || 't~', 'g'),
        regexp_replace(lower(texts), gap, prefix || 'w~', 'g')
    )::tsvector;
END $$;

-- keyadmin's event_find: see keyadmin/migrations/. It reads part by part, or stretch by stretch where terms are common.
CREATE FUNCTION find_in_parts(
    query text, lowest bigint, highest bigint, since timestamptz, until timestamptz, most integer
) RETURNS SETOF bigint LANGUAGE plpgsql STABLE ROWS 50
    SET enable_seqscan = off SET enable_indexscan = off
AS $$
DECLARE
    place bigint := least(highest, (SELECT number FROM chain_head));
    part text;
    bits integer := 10;  -- of a stretch; 16 of a part
    low bigint;
    wanted integer := most;
    got integer;
BEGIN
    WHILE wanted > 0 AND place >= lowest LOOP
        part := to_hex(place >> 16) || '/';
        low := greatest(lowest, place >> bits << bits);
        RETURN QUERY
            SELECT hit.number FROM (
                SELECT parts.number, parts.at FROM parts
                WHERE search_terms(
                    ' ' || to_hex(parts.number >> 16) || '/', parts.number, verb, actor_id, actor_label, organisation_id,
                    organisation_label, target_id, target_label, ip, request_id, changes, reason
                ) @@ (
                    replace(lower(query), chr(1), part)
                    || CASE bits WHEN 10 THEN format(' & ''%ss=%s''', part, to_hex(place >> 10 & 63)) ELSE '' END
                )::tsquery
                OFFSET 0
            ) AS hit
            WHERE hit.number BETWEEN low AND place AND hit.at >= since AND hit.at < until
            ORDER BY hit.number DESC LIMIT wanted;
        GET DIAGNOSTICS got = ROW_COUNT;
        wanted := wanted - got;
        place := low - 1;
        bits := CASE WHEN wanted <= got * CASE bits WHEN 10 THEN 63 ELSE 1 END THEN 10 ELSE 16 END;
    END LOOP;
END $$;

-- Weights as in benchmarks/pages/events.py: a row for each thousandth.
CREATE TABLE verb_of AS
SELECT (row_number() OVER () - 1)::integer AS slot, verb
FROM (VALUES
    ('session.signed_in', 300), ('key.edited', 200), ('key.issued', 100), ('key.regenerated', 90),
    ('allow_list.added', 80), ('session.sign_in_failed', 70), ('key.revoked', 50), ('allow_list.removed', 40),
    ('key.reactivated', 20), ('key.deleted', 19), ('bot.edited', 10), ('person.edited', 10), ('bot.created', 9),
    ('tier.edited', 1), ('scope.edited', 1)
) AS weighted (verb, weight), generate_series(1, weight);
