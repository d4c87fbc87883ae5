-- The search terms of an event. Each begins with the number of the event's partition in hexadecimal, such as "5f/". A
-- partition is 65,536 consecutive events. After it comes one of:
--   e=key.edited  i=<actor's ID>  o=<organisation's ID>  g=<target's ID>     exact values
--   s=3f                          the number of the event's bucket within the partition; a bucket is 1,024 events
--   w~retired                     words of all texts
--   a~maya  t~crm                 words of the actor's label and of the target's label
--   n~203.0.113.0/24              IP addresses and ranges, with ";" for ":"
-- A word is a run of letters, digits and characters outside ASCII. models/event_search.py splits queries in the same way.
-- Words are cut to 60 characters, and all texts together to 20,000.
CREATE OR REPLACE FUNCTION event_terms(
    number bigint, type text, actor_id uuid, actor_label text, organisation_id uuid, organisation_label text,
    target_id text, target_label text, ip inet, request_id text, changes jsonb, reason text
) RETURNS tsvector LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    partition constant text := ' ' || to_hex(number >> 16) || '/';
    separators constant text := '[\x01-/:-@[-`{-\x7f\u00a0\u2000-\u206f\u3000]+';
    texts text := left(concat_ws(
        ' ', '', actor_label, target_label, organisation_label, reason, request_id, replace(changes::text, '\n', ' ')
    ), 20000);
    ranges text;
BEGIN
    IF octet_length(texts) > 1500 THEN  -- Cuts words: PostgreSQL rejects terms above 2,046 bytes, and with them the event.
        texts := regexp_replace(texts, replace('([^-]{60})[^-]+', '-', btrim(separators, '[]+')), '\1', 'g');
    END IF;
    IF jsonb_exists_any(changes, ARRAY['networks', 'notes', 'addresses']) THEN
        SELECT string_agg(partition || 'n~' || translate(match[1], ':', ';'), '') INTO ranges
        FROM regexp_matches(texts, '[0-9a-f]*[.:][0-9a-f]*[.:][0-9a-f.:]*(?:/[0-9]+)?', 'g') AS match;
    END IF;
    RETURN concat(
        partition || 's=' || to_hex(number >> 10 & 63),
        partition || 'e=' || type,
        partition || 'i=' || actor_id,
        partition || 'o=' || organisation_id,
        partition || 'g=' || translate(target_id, E':''\\ ', '____'),
        partition || 'n~' || translate(host(ip), ':', ';'),
        ranges,
        regexp_replace(lower(' ' || actor_label), separators, partition || 'a~', 'g'),
        regexp_replace(lower(' ' || target_label), separators, partition || 't~', 'g'),
        regexp_replace(lower(texts), separators, partition || 'w~', 'g')
    )::tsvector;
END $$;
