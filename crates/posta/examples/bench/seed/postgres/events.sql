INSERT INTO events (workspace_id, seq, id, kind, account_id, body, created_at)
SELECT $3, i + 1, 'seeded-' || i, 'message.received', $4,
    '{"text":"number ' || lpad(i::TEXT, 8, '0') || '","padding":"' || $5::TEXT || '"}', $6
FROM generate_series($1::BIGINT, $2::BIGINT - 1) AS i
