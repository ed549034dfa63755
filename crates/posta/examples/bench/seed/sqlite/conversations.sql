WITH RECURSIVE numbers (i) AS (SELECT $1 UNION ALL SELECT i + 1 FROM numbers WHERE i + 1 < $2)
INSERT INTO conversations (id, workspace_id, account_id, remote_id, participant_id,
    participant_username, status, last_message, last_message_at, window_opened_at, unread_count,
    created_at, updated_at)
SELECT printf('%024x', i), $3, a.id,
    'person-' || i, 'person-' || i, 'person.' || i, 'active', 'Hi!', $4 - i, $4 - i, 0, $4 - i, $4 - i
FROM numbers
    JOIN (SELECT id, ROW_NUMBER() OVER (ORDER BY id) - 1 AS place FROM accounts) a ON a.place = i % $5
