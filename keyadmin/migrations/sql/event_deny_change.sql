-- Trigger function of event: history is append-only.
CREATE FUNCTION event_deny_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'history is append-only: % on event is denied', TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;
