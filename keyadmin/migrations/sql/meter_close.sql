-- Deletes the meter of a deleted key, and adds the calls of its newest minute to the ledger.
CREATE FUNCTION meter_close(a_key uuid) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    m meter%ROWTYPE;
BEGIN
    DELETE FROM meter WHERE key_id = a_key RETURNING * INTO m;
    IF FOUND THEN
        PERFORM meter_to_ledger(a_key, m.minute, m.cells[1]);
    END IF;
END $$;
