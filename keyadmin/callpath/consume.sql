SELECT outcome, used, wait FROM meter_consume($1::uuid, $2::bigint, $3::uuid, $4::bigint, $5::bigint, $6::timestamptz,
    $7::bigint, $8::integer, $9::inet)
