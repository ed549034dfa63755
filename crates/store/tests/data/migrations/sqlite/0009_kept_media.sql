INSERT INTO media (id, workspace_id, filename, content_type, size, sha256, created_at, expires_at, message_id, place)
SELECT '0000000000000000000000000000000000000002', workspace_id, '', 'image/png', 3, 'ab', 1767225600000,
    9223372036854775807, id, 0 FROM messages LIMIT 1;
INSERT INTO keeps (message_id, place, workspace_id, account_id, attempts, due_at, created_at)
SELECT id, 1, workspace_id, account_id, 0, 1767225600000, 1767225600000 FROM messages LIMIT 1;
INSERT INTO purges (account_id, message_id, platform, place, until, due_at)
SELECT id, 'm7', 'instagram', '', 1767225600000, 1767225600000 FROM accounts LIMIT 1;
UPDATE fetches SET edit_count = 2 WHERE message_id = 'm7';
