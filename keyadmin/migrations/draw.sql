-- A draw, in one statement: the warm one is a plain UPDATE, and what it does not decide meter_settle does. The UPDATE
-- counts the calls if the snapshot's versions are the present ones, nothing has expired, the minute is that of the
-- newest cell and the rolling hour has room.

CREATE FUNCTION meter_draw(
    a_key uuid, a_version bigint, an_organisation uuid, an_organisation_version bigint, a_catalogue_version bigint,
    an_expiry timestamptz, a_limit bigint, a_cost integer, an_address inet,
    OUT outcome text, OUT used bigint, OUT wait integer
) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    UPDATE meter m SET cells[1] = m.cells[1] + a_cost, used = m.used + a_cost, total = m.total + a_cost,
        last_used_at = clock_timestamp(), last_used_ip = an_address
    WHERE m.key_id = a_key AND m.version = a_version AND m.used + a_cost <= a_limit AND m.minute = meter_minute()
        AND (SELECT number FROM version WHERE subject = an_organisation) = an_organisation_version
        AND (SELECT number FROM version WHERE subject = '00000000-0000-0000-0000-000000000000') = a_catalogue_version
        AND (an_expiry IS NULL OR clock_timestamp() < an_expiry)
    RETURNING 'drawn', m.used INTO outcome, used;
    IF NOT FOUND THEN
        SELECT s.outcome, s.used, s.wait INTO outcome, used, wait
        FROM meter_settle(a_key, a_version, an_organisation, an_organisation_version, a_catalogue_version, an_expiry,
            a_limit, a_cost, an_address) s;
    END IF;
END $$;

-- The draws of many keys, each of them once and in ascending order, which is the order that their rows are locked in.
-- `place` is a draw's position in the arrays. All of them are one transaction.
CREATE FUNCTION meter_draw_many(
    keys uuid[], versions bigint[], organisations uuid[], organisation_versions bigint[], catalogue_versions bigint[],
    expiries timestamptz[], limits bigint[], costs integer[], addresses inet[]
) RETURNS TABLE (place bigint, outcome text, used bigint, wait integer) LANGUAGE sql VOLATILE AS $$
    WITH asked AS MATERIALIZED (
        SELECT * FROM unnest(keys, versions, organisations, organisation_versions, catalogue_versions, expiries, limits,
            costs, addresses)
        WITH ORDINALITY AS a (key, version, organisation, organisation_version, catalogue_version, expiry, most, cost,
            address, place)
    ), drawn AS (
        UPDATE meter m SET cells[1] = m.cells[1] + a.cost, used = m.used + a.cost, total = m.total + a.cost,
            last_used_at = clock_timestamp(), last_used_ip = a.address
        FROM asked a
        WHERE m.key_id = a.key AND m.version = a.version AND m.used + a.cost <= a.most AND m.minute = meter_minute()
            AND (SELECT number FROM version WHERE subject = a.organisation) = a.organisation_version
            AND (SELECT number FROM version WHERE subject = '00000000-0000-0000-0000-000000000000')
                = a.catalogue_version
            AND (a.expiry IS NULL OR clock_timestamp() < a.expiry)
        RETURNING a.place, m.used
    )
    SELECT place, 'drawn', used, NULL FROM drawn
    UNION ALL
    SELECT a.place, s.outcome, s.used, s.wait FROM asked a CROSS JOIN LATERAL meter_settle(a.key, a.version,
        a.organisation, a.organisation_version, a.catalogue_version, a.expiry, a.most, a.cost, a.address) s
    WHERE a.place NOT IN (SELECT place FROM drawn)
$$;
