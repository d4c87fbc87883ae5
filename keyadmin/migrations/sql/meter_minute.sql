-- The current time in minutes since the epoch. Not now(), which is the time at which the transaction began.
CREATE FUNCTION meter_minute() RETURNS bigint LANGUAGE sql VOLATILE
RETURN floor(extract(epoch FROM clock_timestamp()) / 60)::bigint;
