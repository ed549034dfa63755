INSERT INTO floor (id, body, due_at)
SELECT i, '{"text":"number ' || lpad(i::TEXT, 8, '0') || '","padding":"' || $2::TEXT || '"}', 0
FROM generate_series(0::BIGINT, $1::BIGINT - 1) AS i
