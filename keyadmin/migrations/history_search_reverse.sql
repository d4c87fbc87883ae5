DROP FUNCTION event_find(text, bigint, bigint, timestamptz, timestamptz, boolean, integer);
DROP INDEX event_found_by;
DROP FUNCTION event_terms(bigint, text, uuid, text, uuid, text, text, text, inet, text, jsonb, text);
