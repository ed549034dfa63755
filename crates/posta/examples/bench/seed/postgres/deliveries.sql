INSERT INTO deliveries (id, workspace_id, endpoint_id, event_id, state, attempts, due_at, created_at, seq)
SELECT lpad(to_hex(i), 24, '0'), $2, $3, 'seeded-' || i, 'pending', 0, $4 + i / 8, $4, i + 1
FROM generate_series(0::BIGINT, $1::BIGINT - 1) AS i
