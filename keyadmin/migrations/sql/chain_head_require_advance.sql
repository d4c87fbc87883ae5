-- Trigger function of chain_head: allows a higher number, and then the hash of the event with that number. Every other
-- change is an error. So the head cannot be set back to hide that the newest events were removed.
CREATE FUNCTION chain_head_require_advance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.number > OLD.number
            OR NEW.number = OLD.number AND NEW.hash = (SELECT hash FROM event WHERE number = NEW.number)
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'the head of history only advances: % on chain_head is denied', TG_OP
        USING ERRCODE = 'insufficient_privilege';
END $$;
