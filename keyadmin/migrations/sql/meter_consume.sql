-- Counts one call against its key's limit. Returns the outcome ("consumed", "full" or "stale"), the calls in the rolling
-- hour, and the seconds to wait; meter_consume_slow.sql describes them.
-- Usually one UPDATE counts the call: if the snapshot's versions are the current ones, the key has not expired, the
-- newest cell is of the current minute, and the rolling hour has room. In all other cases meter_consume_slow decides.
CREATE FUNCTION meter_consume(
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
    RETURNING 'consumed', m.used INTO outcome, used;
    IF NOT FOUND THEN
        SELECT s.outcome, s.used, s.wait INTO outcome, used, wait
        FROM meter_consume_slow(a_key, a_version, an_organisation, an_organisation_version, a_catalogue_version,
            an_expiry, a_limit, a_cost, an_address) s;
    END IF;
END $$;
