ALTER TABLE key DROP CONSTRAINT key_bot_of_organisation;
