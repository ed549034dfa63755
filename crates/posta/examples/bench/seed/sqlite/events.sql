WITH RECURSIVE numbers (i) AS (SELECT $1 UNION ALL SELECT i + 1 FROM numbers WHERE i + 1 < $2)
INSERT INTO events (workspace_id, seq, id, kind, account_id, body, created_at)
SELECT $3, i + 1, 'seeded-' || i, 'message.received', $4,
    '{"text":"number ' || substr('0000000' || i, -8) || '","padding":"' || $5 || '"}', $6
FROM numbers
