DROP FUNCTION meter_to_ledger(uuid, bigint, integer);
