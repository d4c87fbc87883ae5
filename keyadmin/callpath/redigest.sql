UPDATE secret SET digest = %(digest)s, pepper_id = %(pepper)s WHERE id = %(secret)s RETURNING id
