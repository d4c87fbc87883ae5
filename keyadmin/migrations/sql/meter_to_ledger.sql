-- Adds the calls of a finished minute to the ledger, usage_hour. Call it once for each minute, with the meter locked.
CREATE FUNCTION meter_to_ledger(a_key uuid, a_minute bigint, calls integer) RETURNS void LANGUAGE sql VOLATILE
BEGIN ATOMIC
    INSERT INTO usage_hour (key_id, hour, outcome, count)
    SELECT a_key, to_timestamp((a_minute / 60) * 3600), 'ok', calls WHERE calls > 0
    ON CONFLICT (key_id, hour, outcome) DO UPDATE SET count = usage_hour.count + excluded.count;
END;
