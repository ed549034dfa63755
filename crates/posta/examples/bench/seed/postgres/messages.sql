INSERT INTO messages (id, workspace_id, account_id, conversation_id, remote_id, direction, status,
    text, folded, attachments, sender_id, is_read, sent_at, created_at)
SELECT lpad(to_hex(i), 24, '0'), $3, (SELECT id FROM accounts LIMIT 1),
    lpad(to_hex(i / $5::BIGINT), 24, '0'),
    'aWdfZAG1faXRlbToxOklHTWVzc2FnZAUlE' || i, 'incoming', 'received',
    'Message number ' || i || ', about as long as people write them to a shop.',
    'message number ' || i || ', about as long as people write them to a shop.',
    '[]', 'person-' || (i / $5::BIGINT), TRUE, $4 + i, $4 + i
FROM generate_series($1::BIGINT, $2::BIGINT - 1) AS i
