UPDATE floor SET due_at = 1 WHERE id IN (SELECT id FROM floor WHERE due_at = 0 ORDER BY id LIMIT $1)
RETURNING id, body
