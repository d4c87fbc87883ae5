-- Counts one call of each of many keys in one transaction. The arrays have one element for each call. The keys must be
-- distinct and in ascending order, which is the order in which their meters are locked. Returns a row for each call:
-- `place` is its position in the arrays, from 1; the other columns are those of meter_consume.
CREATE FUNCTION meter_consume_many(
    keys uuid[], versions bigint[], organisations uuid[], organisation_versions bigint[], catalogue_versions bigint[],
    expiries timestamptz[], limits bigint[], costs integer[], addresses inet[]
) RETURNS TABLE (place bigint, outcome text, used bigint, wait integer) LANGUAGE sql VOLATILE AS $$
    WITH call AS MATERIALIZED (
        SELECT * FROM unnest(keys, versions, organisations, organisation_versions, catalogue_versions, expiries, limits,
            costs, addresses)
        WITH ORDINALITY AS c (key, version, organisation, organisation_version, catalogue_version, expiry, max_calls,
            cost, address, place)
    ), consumed AS (
        UPDATE meter m SET cells[1] = m.cells[1] + c.cost, used = m.used + c.cost, total = m.total + c.cost,
            last_used_at = clock_timestamp(), last_used_ip = c.address
        FROM call c
        WHERE m.key_id = c.key AND m.version = c.version AND m.used + c.cost <= c.max_calls
            AND m.minute = meter_minute()
            AND (SELECT number FROM version WHERE subject = c.organisation) = c.organisation_version
            AND (SELECT number FROM version WHERE subject = '00000000-0000-0000-0000-000000000000')
                = c.catalogue_version
            AND (c.expiry IS NULL OR clock_timestamp() < c.expiry)
        RETURNING c.place, m.used
    )
    SELECT place, 'consumed', used, NULL FROM consumed
    UNION ALL
    SELECT c.place, s.outcome, s.used, s.wait FROM call c CROSS JOIN LATERAL meter_consume_slow(c.key, c.version,
        c.organisation, c.organisation_version, c.catalogue_version, c.expiry, c.max_calls, c.cost, c.address) s
    WHERE c.place NOT IN (SELECT place FROM consumed)
$$;
