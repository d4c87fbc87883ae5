-- The numbers of the first `max_results` events that match `query`, from `lowest` to `highest` and from `since`
-- (inclusive) to `until` (exclusive), newest first, or oldest first if `ascending`. In `query`, a tsquery, chr(1)
-- stands for the partition at the beginning of each term.
--
-- The scan goes through history partition by partition and stops when it has enough results. A term that is frequent
-- costs one partition; one that is rare costs one look-up in each partition (153 of them for 10,000,000 events); and
-- terms that must occur together are intersected in the index, within the partition. Where matches are so frequent
-- that one bucket of 1,024 events fills a page, the scan goes by buckets instead of whole partitions.
CREATE FUNCTION event_find(
    query text, lowest bigint, highest bigint, since timestamptz, until timestamptz, ascending boolean,
    max_results integer
) RETURNS SETOF bigint LANGUAGE plpgsql STABLE ROWS 50
    -- The expression has no statistics to choose a plan by, and only the inverted index is ever right.
    SET enable_seqscan = off SET enable_indexscan = off SET max_parallel_workers_per_gather = 0
AS $$
DECLARE
    direction constant integer := CASE WHEN ascending THEN 1 ELSE -1 END;
    newest constant bigint := least(highest, (SELECT number FROM chain_head));
    next_number bigint := CASE WHEN ascending THEN lowest ELSE newest END;
    partition text;
    bits integer := 10;  -- The size of the next step: 10 is a bucket, 16 a partition.
    low bigint;
    high bigint;
    missing integer := max_results;
    found_now integer;
BEGIN
    WHILE missing > 0 AND next_number BETWEEN lowest AND newest LOOP
        partition := to_hex(next_number >> 16) || '/';
        low := CASE WHEN ascending THEN next_number ELSE greatest(lowest, next_number >> bits << bits) END;
        high := CASE WHEN ascending THEN least(newest, ((next_number >> bits) + 1 << bits) - 1) ELSE next_number END;
        RETURN QUERY
            SELECT hit.number FROM (
                SELECT event.number, event.at FROM event
                WHERE event_terms(
                    event.number, event.type, actor_id, actor_label, organisation_id, organisation_label,
                    target_id, target_label, ip, request_id, changes, reason
                ) @@ (
                    replace(lower(query), chr(1), partition)
                    || CASE bits
                        WHEN 10 THEN format(' & ''%ss=%s''', partition, to_hex(next_number >> 10 & 63)) ELSE ''
                    END
                )::tsquery
                OFFSET 0  -- Keeps PostgreSQL from reading the index of `at` as well.
            ) AS hit
            WHERE hit.number BETWEEN low AND high AND hit.at >= since AND hit.at < until
            ORDER BY hit.number * direction LIMIT missing;
        GET DIAGNOSTICS found_now = ROW_COUNT;
        missing := missing - found_now;
        next_number := CASE WHEN ascending THEN high + 1 ELSE low - 1 END;
        -- If the partition is as dense as what was just read, it has more matches than are missing: go by buckets.
        bits := CASE WHEN missing <= found_now * CASE bits WHEN 10 THEN 63 ELSE 1 END THEN 10 ELSE 16 END;
    END LOOP;
END $$;
