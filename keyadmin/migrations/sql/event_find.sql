-- The numbers of the first `max_results` events that match `query`, with numbers from `lowest` to `highest` and times
-- from `since` (inclusive) to `until` (exclusive). The newest come first, or the oldest if `ascending`. `query` is a
-- tsquery in which each term begins with chr(1), which stands for the partition; event_terms.sql describes the terms.
--
-- The scan reads one partition after the other, and stops when it has enough results. For a frequent term it reads one
-- partition. For a rare term it makes one look-up in each partition, of which 10,000,000 events have 153. Terms that
-- must occur together are intersected in the index, within a partition. Where matches are frequent, the scan reads
-- buckets of 1,024 events instead of whole partitions.
CREATE FUNCTION event_find(
    query text, lowest bigint, highest bigint, since timestamptz, until timestamptz, ascending boolean,
    max_results integer
) RETURNS SETOF bigint LANGUAGE plpgsql STABLE ROWS 50
    -- The planner has no statistics of the expression, and the inverted index is the best plan for every query.
    SET enable_seqscan = off SET enable_indexscan = off SET max_parallel_workers_per_gather = 0
AS $$
DECLARE
    direction constant integer := CASE WHEN ascending THEN 1 ELSE -1 END;
    newest constant bigint := least(highest, (SELECT number FROM chain_head));
    next_number bigint := CASE WHEN ascending THEN lowest ELSE newest END;
    partition text;
    bits integer := 10;  -- The next step has 2^bits events: 10 is a bucket, 16 a partition.
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
                OFFSET 0  -- Otherwise PostgreSQL also reads the index of `at`.
            ) AS hit
            WHERE hit.number BETWEEN low AND high AND hit.at >= since AND hit.at < until
            ORDER BY hit.number * direction LIMIT missing;
        GET DIAGNOSTICS found_now = ROW_COUNT;
        missing := missing - found_now;
        next_number := CASE WHEN ascending THEN high + 1 ELSE low - 1 END;
        -- If matches are as frequent in the rest of the partition as in this step, it has more than are missing: then
        -- the next step is a bucket.
        bits := CASE WHEN missing <= found_now * CASE bits WHEN 10 THEN 63 ELSE 1 END THEN 10 ELSE 16 END;
    END LOOP;
END $$;
