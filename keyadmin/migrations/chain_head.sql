-- The head of history follows it: to a later number, and then to that event's hash. Nobody sets it back.
CREATE FUNCTION chain_head_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.number > OLD.number
            OR NEW.number = OLD.number AND NEW.hash = (SELECT hash FROM event WHERE number = NEW.number)
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'the head of history only follows it: % is refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER chain_head_follows BEFORE UPDATE OR DELETE ON chain_head
    FOR EACH ROW EXECUTE FUNCTION chain_head_follow();
CREATE TRIGGER chain_head_stays BEFORE TRUNCATE ON chain_head
    FOR EACH STATEMENT EXECUTE FUNCTION chain_head_follow();
ALTER TABLE chain_head ENABLE ALWAYS TRIGGER chain_head_follows;
ALTER TABLE chain_head ENABLE ALWAYS TRIGGER chain_head_stays;
