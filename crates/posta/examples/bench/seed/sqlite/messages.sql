WITH RECURSIVE numbers (i) AS (SELECT $1 UNION ALL SELECT i + 1 FROM numbers WHERE i + 1 < $2)
INSERT INTO messages (id, workspace_id, account_id, conversation_id, remote_id, direction, status,
    text, folded, attachments, sender_id, is_read, sent_at, created_at)
SELECT printf('%024x', i), $3, (SELECT id FROM accounts LIMIT 1), printf('%024x', i / $5),
    'aWdfZAG1faXRlbToxOklHTWVzc2FnZAUlE' || i, 'incoming', 'received',
    'Message number ' || i || ', about as long as people write them to a shop.',
    'message number ' || i || ', about as long as people write them to a shop.',
    '[]', 'person-' || (i / $5), TRUE, $4 + i, $4 + i
FROM numbers
