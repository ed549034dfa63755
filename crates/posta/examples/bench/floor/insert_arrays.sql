INSERT INTO floor (id, body, due_at)
SELECT r.id, r.body, 0 FROM UNNEST($1::BIGINT[], $2::TEXT[]) AS r (id, body)
