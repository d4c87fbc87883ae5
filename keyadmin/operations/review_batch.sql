-- Replaces the saved findings of the keys with ids above one id and up to another. Does not write unchanged rows, so that
-- building the report again costs few writes.
WITH found AS MATERIALIZED (
    SELECT * FROM unnest(%(keys)s::uuid[], %(organisations)s::uuid[], %(findings)s::text[], %(totals)s::smallint[])
        AS found (key_id, organisation_id, finding, total)
), gone AS (
    DELETE FROM review_finding AS old
    WHERE old.key_id > %(after)s::uuid AND old.key_id <= %(last)s::uuid AND NOT EXISTS (
        SELECT FROM found WHERE found.key_id = old.key_id AND found.finding = old.finding
    )
)
INSERT INTO review_finding (key_id, organisation_id, finding, total)
SELECT key_id, organisation_id, finding, total FROM found ORDER BY key_id, finding
ON CONFLICT (key_id, finding) DO UPDATE SET total = excluded.total WHERE review_finding.total <> excluded.total
