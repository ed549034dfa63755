WITH RECURSIVE numbers (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM numbers WHERE i + 1 < $1)
INSERT INTO floor (id, body, due_at)
SELECT i, '{"text":"number ' || substr('0000000' || i, -8) || '","padding":"' || $2 || '"}', 0 FROM numbers
