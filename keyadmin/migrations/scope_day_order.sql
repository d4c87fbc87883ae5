-- By key and scope, and then by day: whether a key used a scope lately is one look-up, however often it did.
ALTER TABLE scope_day DROP CONSTRAINT scope_day_pkey, ADD CONSTRAINT scope_day_pkey PRIMARY KEY (key_id, scope, day);
