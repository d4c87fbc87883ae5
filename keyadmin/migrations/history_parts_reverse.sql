DROP INDEX event_found_by;

CREATE OR REPLACE FUNCTION event_terms(
    number bigint, verb text, actor_id uuid, actor_label text, organisation_id uuid, organisation_label text,
    target_id text, target_label text, ip inet, request_id text, changes jsonb, reason text
) RETURNS tsvector LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    part constant text := ' ' || to_hex(number >> 13) || '/';
    gap constant text := '[\x01-/:-@[-`{-\x7f\u00a0\u2000-\u206f\u3000]+';
    told text := left(concat_ws(' ', '', organisation_label, reason, request_id, replace(changes::text, '\n', ' ')), 20000);
    ranges text;
BEGIN
    IF octet_length(told) > 1500 THEN  -- a longer word would be refused, and with it the event
        told := regexp_replace(told, replace('([^-]{60})[^-]+', '-', btrim(gap, '[]+')), '\1', 'g');
    END IF;
    IF jsonb_exists_any(changes, ARRAY['networks', 'network']) THEN
        SELECT string_agg(part || 'n~' || translate(match[1], ':', ';'), '') INTO ranges
        FROM regexp_matches(told, '[0-9a-f]*[.:][0-9a-f]*[.:][0-9a-f.:]*(?:/[0-9]+)?', 'g') AS match;
    END IF;
    RETURN concat(
        part || 'v=' || verb,
        part || 'i=' || actor_id,
        part || 'o=' || organisation_id,
        part || 'g=' || translate(target_id, E':''\\ ', '____'),
        part || 'n~' || translate(host(ip), ':', ';'),
        ranges,
        regexp_replace(lower(' ' || actor_label), gap, part || 'a~', 'g'),
        regexp_replace(lower(' ' || target_label), gap, part || 't~', 'g'),
        regexp_replace(lower(told), gap, part || 'w~', 'g')
    )::tsvector;
END $$;

-- Without the list of what was added last: every look-up would read all of it.
CREATE INDEX event_found_by ON event USING gin (
    event_terms(
        number, verb, actor_id, actor_label, organisation_id, organisation_label,
        target_id, target_label, ip, request_id, changes, reason
    )
) WITH (fastupdate = off);
-- Nobody estimates with them, and to gather them costs the terms of 30,000 events.
ALTER INDEX event_found_by ALTER COLUMN 1 SET STATISTICS 0;

-- The numbers of the first `most` events that answer the query, between two numbers and two moments, newest first or
-- oldest first. The query is a tsquery whose terms begin with chr(1) in place of their part.
CREATE OR REPLACE FUNCTION event_find(
    query text, lowest bigint, highest bigint, since timestamptz, until timestamptz, ascending boolean, most integer
) RETURNS SETOF bigint LANGUAGE plpgsql STABLE ROWS 50
    SET enable_seqscan = off SET enable_indexscan = off  -- it has no statistics to choose by, and needs no choice
AS $$
DECLARE
    step constant integer := CASE WHEN ascending THEN 1 ELSE -1 END;
    newest constant bigint := least(highest, (SELECT number FROM chain_head));
    part bigint := CASE WHEN ascending THEN lowest ELSE newest END >> 13;
    last constant bigint := CASE WHEN ascending THEN newest ELSE lowest END >> 13;
    wanted integer := most;
    got integer;
BEGIN
    WHILE wanted > 0 AND (last - part) * step >= 0 LOOP
        RETURN QUERY
            SELECT hit.number FROM (
                SELECT event.number, event.at FROM event
                WHERE event_terms(
                    event.number, verb, actor_id, actor_label, organisation_id, organisation_label,
                    target_id, target_label, ip, request_id, changes, reason
                ) @@ replace(lower(query), chr(1), to_hex(part) || '/')::tsquery
                OFFSET 0  -- the index of moments is not to be read as well
            ) AS hit
            WHERE hit.number BETWEEN lowest AND newest AND hit.at >= since AND hit.at < until
            ORDER BY hit.number * step LIMIT wanted;
        GET DIAGNOSTICS got = ROW_COUNT;
        wanted := wanted - got;
        part := part + step;
    END LOOP;
END $$;
