-- What Django's models cannot express.

-- A key's bot belongs to the key's organisation.
ALTER TABLE key ADD CONSTRAINT key_bot_of_organisation
    FOREIGN KEY (bot_id, organisation_id) REFERENCES bot (id, organisation_id);

-- Free space on each page for heap-only tuple (HOT) updates: these rows are updated often, and no update changes an
-- indexed column.
ALTER TABLE meter SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE version SET (fillfactor = 50);
ALTER TABLE last_denial SET (fillfactor = 70);
ALTER TABLE scope_day SET (fillfactor = 70);
ALTER TABLE address_day SET (fillfactor = 70);
ALTER TABLE secret_use SET (fillfactor = 70);
