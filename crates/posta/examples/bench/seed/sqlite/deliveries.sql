WITH RECURSIVE numbers (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM numbers WHERE i + 1 < $1)
INSERT INTO deliveries (id, workspace_id, endpoint_id, event_id, state, attempts, due_at, created_at, seq)
SELECT printf('%024x', i), $2, $3, 'seeded-' || i, 'pending', 0, $4 + i / 8, $4, i + 1 FROM numbers
