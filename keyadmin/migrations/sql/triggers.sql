-- The triggers that protect history. With ENABLE ALWAYS, session_replication_role cannot disable them.
CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON event
    FOR EACH STATEMENT EXECUTE FUNCTION event_deny_change();
ALTER TABLE event ENABLE ALWAYS TRIGGER event_append_only;

CREATE TRIGGER chain_head_only_advances BEFORE UPDATE OR DELETE ON chain_head
    FOR EACH ROW EXECUTE FUNCTION chain_head_require_advance();
CREATE TRIGGER chain_head_not_truncated BEFORE TRUNCATE ON chain_head
    FOR EACH STATEMENT EXECUTE FUNCTION chain_head_require_advance();
ALTER TABLE chain_head ENABLE ALWAYS TRIGGER chain_head_only_advances;
ALTER TABLE chain_head ENABLE ALWAYS TRIGGER chain_head_not_truncated;
