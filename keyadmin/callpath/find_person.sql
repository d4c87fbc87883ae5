-- The active person of an organisation with that UUID or email address, in its normal form.
SELECT p.id, p.email, p.name FROM person p
JOIN membership r ON r.person_id = p.id AND r.organisation_id = %(organisation)s
WHERE p.is_active AND (p.id = %(id)s::uuid OR p.email = %(email)s::text)
