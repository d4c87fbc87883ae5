-- A key's bot is a bot of the key's organisation.
ALTER TABLE key ADD CONSTRAINT key_bot_of_organisation
    FOREIGN KEY (bot_id, organisation_id) REFERENCES bot (id, organisation_id);
