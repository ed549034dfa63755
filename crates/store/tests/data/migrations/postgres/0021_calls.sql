INSERT INTO calls (id, workspace_id, platform, area, action, method, host, path, is_success, duration_ms, created_at)
SELECT '0199c1000000000000000021', id, 'instagram', 'messaging', 'send_message', 'POST', 'graph.example', '/v1/me/messages', TRUE, 9, 1767225600000
FROM workspaces;
UPDATE jobs SET origin = 'r-1';
