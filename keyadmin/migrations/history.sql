-- History is appended to and read, nothing else. ALWAYS: session_replication_role must not switch it off.

CREATE FUNCTION event_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'history is append-only: % on event is refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON event
    FOR EACH STATEMENT EXECUTE FUNCTION event_refuse_change();
ALTER TABLE event ENABLE ALWAYS TRIGGER event_append_only;

INSERT INTO chain_head (id, number, hash)
VALUES (1, 0, '\x0000000000000000000000000000000000000000000000000000000000000000');
