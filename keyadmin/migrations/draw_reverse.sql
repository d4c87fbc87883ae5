DROP FUNCTION meter_draw_many(uuid[], bigint[], uuid[], bigint[], bigint[], timestamptz[], bigint[], integer[], inet[]);
DROP FUNCTION meter_draw(uuid, bigint, uuid, bigint, bigint, timestamptz, bigint, integer, inet);
