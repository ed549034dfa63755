INSERT INTO conversations (id, workspace_id, account_id, remote_id, participant_id,
    participant_username, status, last_message, last_message_at, window_opened_at, unread_count,
    created_at, updated_at)
SELECT lpad(to_hex(i), 24, '0'), $3, a.id,
    'person-' || i, 'person-' || i, 'person.' || i, 'active', 'Hi!', $4 - i, $4 - i, 0, $4 - i, $4 - i
FROM generate_series($1::BIGINT, $2::BIGINT - 1) AS i
    JOIN (SELECT id, ROW_NUMBER() OVER (ORDER BY id) - 1 AS place FROM accounts) a ON a.place = i % $5::BIGINT
