-- Room for HOT updates: these rows are updated every second and change no indexed column.
ALTER TABLE last_refusal SET (fillfactor = 70);
ALTER TABLE scope_day SET (fillfactor = 70);
ALTER TABLE address_day SET (fillfactor = 70);
ALTER TABLE secret_use SET (fillfactor = 70);

UPDATE usage_hour SET outcome = 'scope' WHERE outcome = 'permission';
