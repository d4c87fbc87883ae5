SELECT place, outcome, used, wait FROM meter_consume_many($1, $2, $3, $4, $5, $6, $7, $8, $9)
