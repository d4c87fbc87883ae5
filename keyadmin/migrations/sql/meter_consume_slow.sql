-- Decides a call that the UPDATE of meter_consume has not counted: locks the meter, moves its cells to the current
-- minute, and returns the outcome:
--   consumed  the call is counted; `used` is the number of calls in the rolling hour, this one included
--   full      the rolling hour has no room for `a_cost` calls; `wait` is the number of seconds until it has
--   stale     the snapshot's versions are not the current ones, or the key has expired: load it and decide again
-- `a_limit` is the number of calls in a rolling hour. `a_cost` is the number of calls that this one counts as.
CREATE FUNCTION meter_consume_slow(
    a_key uuid, a_version bigint, an_organisation uuid, an_organisation_version bigint, a_catalogue_version bigint,
    an_expiry timestamptz, a_limit bigint, a_cost integer, an_address inet,
    OUT outcome text, OUT used bigint, OUT wait integer
) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    m meter%ROWTYPE;
    this_minute bigint;
    shift integer;
    has_moved boolean := false;
    freed bigint := 0;
BEGIN
    SELECT * INTO m FROM meter WHERE key_id = a_key FOR NO KEY UPDATE;
    this_minute := meter_minute();
    IF m.key_id IS NULL OR m.version <> a_version
        OR (SELECT number FROM version WHERE subject = an_organisation) IS DISTINCT FROM an_organisation_version
        OR (SELECT number FROM version WHERE subject = '00000000-0000-0000-0000-000000000000')
            IS DISTINCT FROM a_catalogue_version
        OR an_expiry <= clock_timestamp()
    THEN
        outcome := 'stale';
        RETURN;
    END IF;

    IF this_minute > m.minute THEN
        PERFORM meter_to_ledger(a_key, m.minute, m.cells[1]);
        shift := least(this_minute - m.minute, 61);
        m.cells := array_fill(0, ARRAY[shift]) || m.cells[1:61 - shift];
        m.used := (SELECT sum(calls) FROM unnest(m.cells) AS calls);
        m.minute := this_minute;
        has_moved := true;
    ELSIF m.minute > this_minute THEN
        -- The clock was set back. (It is read under the row's lock, so no other call can have moved the cells to a later
        -- minute since.) The cells are taken as counts of the minutes before the new time. So no call waits for longer
        -- than an hour.
        m.minute := this_minute;
        has_moved := true;
    END IF;

    IF m.used + a_cost <= a_limit THEN
        outcome := 'consumed';
        m.cells[1] := m.cells[1] + a_cost;
        m.used := m.used + a_cost;
        m.total := m.total + a_cost;
        m.last_used_at := clock_timestamp();
        m.last_used_ip := an_address;
        m.last_used_day := (m.last_used_at AT TIME ZONE 'UTC')::date;
    ELSE
        outcome := 'full';
        FOR age IN REVERSE 61..1 LOOP
            freed := freed + m.cells[age];
            IF m.used - freed + a_cost <= a_limit THEN
                wait := greatest(1, ceil((m.minute + 62 - age) * 60 - extract(epoch FROM clock_timestamp())));
                EXIT;
            END IF;
        END LOOP;
    END IF;
    IF has_moved OR outcome = 'consumed' THEN
        UPDATE meter SET minute = m.minute, cells = m.cells, used = m.used, total = m.total,
            last_used_at = m.last_used_at, last_used_ip = m.last_used_ip, last_used_day = m.last_used_day
        WHERE key_id = a_key;
    END IF;
    used := m.used;
END $$;
