INSERT INTO replays (id, workspace_id, endpoint_id, is_of_parked, kinds, after_seq, up_to_seq, state, queued, due_at, created_at)
SELECT id, workspace_id, id, FALSE, '["message.received"]', 0, 9, 'running', 4, 1767225600000, 1767225600000 FROM endpoints;
UPDATE deliveries SET replay_id = endpoint_id;
UPDATE endpoints SET previous_secret = secret, previous_secret_until = 1767225600000;
