DROP FUNCTION meter_close(uuid);
DROP FUNCTION meter_settle(uuid, bigint, uuid, bigint, bigint, timestamptz, bigint, integer, inet);
DROP FUNCTION meter_to_ledger(uuid, bigint, integer);
DROP FUNCTION meter_used(bigint, integer[], bigint);
DROP FUNCTION meter_minute();
ALTER TABLE version RESET (fillfactor);
ALTER TABLE meter RESET (fillfactor, autovacuum_vacuum_scale_factor);
