-- A constraint and storage settings that Django's models cannot express.

-- A key's bot belongs to the key's organisation.
ALTER TABLE key ADD CONSTRAINT key_bot_of_organisation
    FOREIGN KEY (bot_id, organisation_id) REFERENCES bot (id, organisation_id);

-- These rows are updated often, and rarely in an indexed column. Free space on each page allows heap-only tuple (HOT)
-- updates.
ALTER TABLE meter SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE version SET (fillfactor = 50);
ALTER TABLE last_denial SET (fillfactor = 70);
ALTER TABLE scope_day SET (fillfactor = 70);
ALTER TABLE address_day SET (fillfactor = 70);
ALTER TABLE secret_use SET (fillfactor = 70);
