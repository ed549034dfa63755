UPDATE jobs SET hold_until = 1767225600000;

INSERT INTO media (id, workspace_id, filename, content_type, size, sha256, created_at, expires_at)
SELECT '0000000000000000000000000000000000000001', id, 'a.jpg', 'image/jpeg', 3, 'ab', 1767225600000,
    1767830400000 FROM workspaces LIMIT 1;
INSERT INTO media_uploads (account_id, media_id, kind, remote_id, created_at)
SELECT id, '0000000000000000000000000000000000000001', 'image', '77', 1767225600000
FROM accounts LIMIT 1;
INSERT INTO private_replies (id, workspace_id, account_id, comment_id, content, state, created_at)
SELECT '019b76daa8000000000000aa', workspace_id, id, '179', '{"type": "text", "text": "Hi"}',
    'sent', 1767225600000 FROM accounts LIMIT 1;
