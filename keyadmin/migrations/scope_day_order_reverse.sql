ALTER TABLE scope_day DROP CONSTRAINT scope_day_pkey, ADD CONSTRAINT scope_day_pkey PRIMARY KEY (key_id, day, scope);
