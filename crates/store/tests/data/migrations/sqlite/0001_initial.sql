INSERT INTO workspaces (id, name, event_seq, created_at)
VALUES ('019b76daa800000000000001', 'acme', 1, 1767225600000);

INSERT INTO profiles (id, workspace_id, name, description, color, timezone, external_id, is_default, created_at)
VALUES ('019b76daa800000000000002', '019b76daa800000000000001', 'Acme', '', '#ffeda0', 'Europe/Berlin', '7', TRUE, 1767225600000),
       ('019b76daa800000000000003', '019b76daa800000000000001', 'Bare', '', '#ffeda0', NULL, NULL, FALSE, 1767225600000);

INSERT INTO api_keys (id, workspace_id, name, hash, preview, profile_ids, is_read_only, disabled_groups, expires_at, created_at)
VALUES ('019b76daa800000000000004', '019b76daa800000000000001', 'ci', 'h1', 'sk_1', '["019b76daa800000000000002"]', TRUE, '["webhooks"]', 1767225700000, 1767225600000),
       ('019b76daa800000000000005', '019b76daa800000000000001', 'ci', 'h2', 'sk_2', NULL, FALSE, '[]', NULL, 1767225600000);

INSERT INTO oauth_apps (id, workspace_id, platform, label, client_id, client_secret, signing_app_id, signing_secret, verify_token, scope_areas, created_at)
VALUES ('019b76daa800000000000006', '019b76daa800000000000001', 'instagram', 'Ours', '1', 'p1.k.a.b', '2', 'p1.k.a.b', 'p1.k.a.b', '["messages"]', 1767225600000),
       ('019b76daa800000000000007', '019b76daa800000000000001', 'instagram', 'Bare', '3', 'p1.k.a.b', NULL, NULL, 'p1.k.a.b', NULL, 1767225600000);

INSERT INTO connects (id, workspace_id, profile_id, platform, oauth_app_id, redirect_url, reconnect_account_id, expected_remote_id, expected_username, expires_at, used_at)
VALUES ('019b76daa800000000000008', '019b76daa800000000000001', '019b76daa800000000000002', 'instagram', '019b76daa800000000000006', 'https://app.example/done', NULL, '17', 'ana', 1767226500000, NULL);

INSERT INTO accounts (id, workspace_id, profile_id, platform, remote_id, app_scoped_id, username, display_name, picture, profile_url, followers, kind, metadata, oauth_app_id, scopes, token, token_expires_at, token_issued_at, state, state_reason, state_since, rate_limited_until, last_event_at, created_at)
VALUES ('019b76daa800000000000009', '019b76daa800000000000001', '019b76daa800000000000002', 'instagram', '17', '18', 'ana', 'Ana', 'https://cdn.example/a', 'https://example.com/ana', 12, 'BUSINESS', '{"type": "BUSINESS"}', '019b76daa800000000000006', '["read"]', 'p1.k.a.b', 1767235600000, 1767225600000, 'connected', NULL, 1767225600000, 1767225600000, 1767225600000, 1767225600000),
       ('019b76daa80000000000000a', '019b76daa800000000000001', '019b76daa800000000000003', 'instagram', '19', NULL, 'bo', NULL, NULL, NULL, NULL, NULL, '{}', NULL, NULL, NULL, NULL, NULL, 'removed', 'asked for', 1767225600000, NULL, NULL, 1767225600000);

INSERT INTO conversations (id, workspace_id, account_id, remote_id, participant_id, participant_name, participant_username, participant_picture, status, last_message, last_message_at, window_opened_at, unread_count, metadata, created_at, updated_at)
VALUES ('019b76daa80000000000000b', '019b76daa800000000000001', '019b76daa800000000000009', 't1', 'p1', 'Cy', 'cy', 'https://cdn.example/c', 'active', 'Hello', 1767225600000, 1767225600000, 1, '{"ad": {"id": "7"}}', 1767225600000, 1767225600000),
       ('019b76daa80000000000000c', '019b76daa800000000000001', '019b76daa800000000000009', 't2', 'p2', NULL, NULL, NULL, 'archived', NULL, NULL, NULL, 0, NULL, 1767225600000, 1767225600000);

INSERT INTO messages (id, workspace_id, account_id, conversation_id, remote_id, direction, status, text, attachments, sender_id, sent_via, tag, metadata, error, is_read, read_at, sent_at, created_at)
VALUES ('019b76daa80000000000000d', '019b76daa800000000000001', '019b76daa800000000000009', '019b76daa80000000000000b', 'm1', 'incoming', 'received', 'Hello', '[{"kind": "image", "url": "https://cdn.example/i"}]', 'p1', NULL, NULL, '{"quickReply": "YES"}', NULL, FALSE, NULL, 1767225600000, 1767225600000),
       ('019b76daa80000000000000e', '019b76daa800000000000001', '019b76daa800000000000009', '019b76daa80000000000000b', NULL, 'outgoing', 'failed', NULL, '[]', '019b76daa800000000000009', 'api', 'HUMAN_AGENT', NULL, '{"code": "text_too_long"}', TRUE, 1767225600000, 1767225600000, 1767225600000),
       ('019b76daa80000000000000f', '019b76daa800000000000001', '019b76daa800000000000009', '019b76daa80000000000000b', NULL, 'outgoing', 'queued', 'Hi', '[]', '019b76daa800000000000009', 'api', NULL, NULL, NULL, TRUE, NULL, 1767225600000, 1767225600000);

INSERT INTO inbound (id, platform, verified_by, body, state, error, attempts, due_at, received_at)
VALUES ('019b76daa800000000000010', 'instagram', '[null, "019b76daa800000000000006"]', X'7B7D00', 'pending', 'busy', 1, 1767225600000, 1767225600000),
       ('019b76daa800000000000011', 'instagram', '[null]', X'', 'done', NULL, 1, 1767225600000, 1767225600000);

INSERT INTO events (workspace_id, seq, id, kind, profile_id, account_id, body, created_at)
VALUES ('019b76daa800000000000001', 1, '019b76da-a800-7000-8000-000000000001', 'message.received', '019b76daa800000000000002', '019b76daa800000000000009', '{}', 1767225600000);

INSERT INTO endpoints (id, workspace_id, name, url, secret, events, is_active, custom_headers, disabled_groups, profile_ids, account_ids, failure_count, last_fired_at, created_at)
VALUES ('019b76daa800000000000012', '019b76daa800000000000001', 'CRM', 'https://crm.example/hook', 'p1.k.a.b', '["message.received"]', TRUE, 'p1.k.a.b', '["posts"]', '["019b76daa800000000000002"]', '["019b76daa800000000000009"]', 2, 1767225600000, 1767225600000);

INSERT INTO deliveries (id, workspace_id, endpoint_id, event_id, state, attempts, due_at, created_at)
VALUES ('019b76daa800000000000013', '019b76daa800000000000001', '019b76daa800000000000012', '019b76da-a800-7000-8000-000000000001', 'pending', 1, 1767225600000, 1767225600000);

INSERT INTO attempts (id, workspace_id, endpoint_id, event_id, is_test, url, is_success, status_code, response_body, error, number, response_ms, created_at)
VALUES ('019b76daa800000000000014', '019b76daa800000000000001', '019b76daa800000000000012', '019b76da-a800-7000-8000-000000000001', FALSE, 'https://crm.example/hook', FALSE, 500, 'no', NULL, 1, 12, 1767225600000),
       ('019b76daa800000000000015', '019b76daa800000000000001', '019b76daa800000000000012', '019b76da-a800-7000-8000-000000000001', TRUE, 'https://crm.example/hook', FALSE, NULL, NULL, 'timed out', 1, 30000, 1767225600000);

INSERT INTO jobs (id, kind, lane, workspace_id, subject, attempts, due_at, created_at)
VALUES ('019b76daa800000000000016', 'send', '019b76daa800000000000009', '019b76daa800000000000001', '019b76daa80000000000000f', 0, 1767225600000, 1767225600000);

INSERT INTO idempotency (credential, path, key, body_hash, message_id, status, answer, created_at)
VALUES ('019b76daa800000000000004', '/v1/messages', 'k1', 'h', '019b76daa80000000000000f', 202, '{}', 1767225600000),
       ('019b76daa800000000000004', '/v1/messages', 'k2', 'h', NULL, NULL, NULL, 1767225600000);
