-- The calls in the rolling hour that ends now. The parameters are columns of a meter; `minute` is that of cells[1], the
-- newest cell.
CREATE FUNCTION meter_used(minute bigint, cells integer[], used bigint) RETURNS bigint LANGUAGE sql VOLATILE
RETURN CASE
    WHEN meter_minute() <= minute THEN used
    WHEN meter_minute() - minute >= 61 THEN 0
    ELSE (SELECT coalesce(sum(calls), 0)::bigint
          FROM unnest(cells[1:61 - (meter_minute() - minute)::integer]) AS calls)
END;
