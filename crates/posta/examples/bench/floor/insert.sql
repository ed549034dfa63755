INSERT INTO floor (id, body, due_at)
