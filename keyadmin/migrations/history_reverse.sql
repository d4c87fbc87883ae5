DROP TRIGGER event_append_only ON event;
DROP FUNCTION event_refuse_change();
DELETE FROM chain_head;
