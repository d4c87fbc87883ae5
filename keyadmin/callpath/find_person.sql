-- The active person with this id or email who has a role in the organisation.
SELECT p.id, p.email, p.name FROM person p
JOIN membership r ON r.person_id = p.id AND r.organisation_id = %(organisation)s
WHERE p.is_active AND (p.id = %(id)s OR lower(p.email) = lower(%(email)s))
