-- The outcomes there were before.
WITH finer AS (
    DELETE FROM usage_hour WHERE outcome NOT IN ('ok', 'address', 'limited')
    RETURNING key_id, hour, count,
        CASE WHEN outcome IN ('revoked', 'expired', 'paused') THEN 'expired' ELSE 'permission' END AS outcome
)
INSERT INTO usage_hour (key_id, hour, outcome, count)
SELECT key_id, hour, outcome, sum(count) FROM finer GROUP BY key_id, hour, outcome;
