-- History is found as migration 0015 found it first, with fewer look-ups: parts of 65,536 events instead of 8,192, and
-- one term for a word wherever it stands. With 10,000,000 events a word that is nowhere took 1,221 look-ups for each of
-- three terms, nearly all in pages of their own; it takes 153 now.
--
-- So that what is common does not cost a whole part, a part has 64 stretches of 1,024 events, which are terms as well:
-- the walk goes by stretches while they are likely to fill the page, and by whole parts otherwise.

DROP INDEX event_found_by;

-- An event's terms, each behind its part in hexadecimal, such as "5f/":
--   v=key.edited  i=<actor's id>  o=<organisation's id>  g=<target's id>     one of each, whole
--   s=3f                          its stretch
--   w~retired                     words of all its texts
--   a~maya  t~crm                 those of the actor's and of the target's label, once more
--   n~203.0.113.0/24              addresses and ranges, whole, with ";" for ":"
-- A word is a run of letters, digits and whatever is not ASCII; models/event_terms.py splits questions alike. The
-- first 60 characters of a word count, and the first 20,000 of all texts together.
CREATE OR REPLACE FUNCTION event_terms(
    number bigint, verb text, actor_id uuid, actor_label text, organisation_id uuid, organisation_label text,
    target_id text, target_label text, ip inet, request_id text, changes jsonb, reason text
) RETURNS tsvector LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    part constant text := ' ' || to_hex(number >> 16) || '/';
    gap constant text := '[\x01-/:-@[-`{-\x7f\u00a0\u2000-\u206f\u3000]+';
    told text := left(concat_ws(
        ' ', '', actor_label, target_label, organisation_label, reason, request_id, replace(changes::text, '\n', ' ')
    ), 20000);
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
        part || 's=' || to_hex(number >> 10 & 63),
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
    place bigint := CASE WHEN ascending THEN lowest ELSE newest END;  -- the next event to be looked at
    part text;
    bits integer := 10;  -- of a stretch; 16 of a part
    low bigint;
    high bigint;
    wanted integer := most;
    got integer;
BEGIN
    WHILE wanted > 0 AND place BETWEEN lowest AND newest LOOP
        part := to_hex(place >> 16) || '/';
        low := CASE WHEN ascending THEN place ELSE greatest(lowest, place >> bits << bits) END;
        high := CASE WHEN ascending THEN least(newest, ((place >> bits) + 1 << bits) - 1) ELSE place END;
        RETURN QUERY
            SELECT hit.number FROM (
                SELECT event.number, event.at FROM event
                WHERE event_terms(
                    event.number, verb, actor_id, actor_label, organisation_id, organisation_label,
                    target_id, target_label, ip, request_id, changes, reason
                ) @@ (
                    replace(lower(query), chr(1), part)
                    || CASE bits WHEN 10 THEN format(' & ''%ss=%s''', part, to_hex(place >> 10 & 63)) ELSE '' END
                )::tsquery
                OFFSET 0  -- the index of moments is not to be read as well
            ) AS hit
            WHERE hit.number BETWEEN low AND high AND hit.at >= since AND hit.at < until
            ORDER BY hit.number * step LIMIT wanted;
        GET DIAGNOSTICS got = ROW_COUNT;
        wanted := wanted - got;
        place := CASE WHEN ascending THEN high + 1 ELSE low - 1 END;
        -- Where it is as dense as here, a part has more than is wanted: then stretch by stretch.
        bits := CASE WHEN wanted <= got * CASE bits WHEN 10 THEN 63 ELSE 1 END THEN 10 ELSE 16 END;
    END LOOP;
END $$;
