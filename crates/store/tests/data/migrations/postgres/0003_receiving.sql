UPDATE events SET inbound_id = '019b76daa800000000000010', inbound_position = 0
WHERE id = '019b76da-a800-7000-8000-000000000001';

INSERT INTO early (account_id, message_id, key, what, happened_at, inbound_id, inbound_position, created_at)
VALUES ('019b76daa800000000000009', 'm9', 'deleted', '"deleted"', 1767225600000, '019b76daa800000000000010', 0, 1767225600000),
       ('019b76daa800000000000009', 'm9', 'edited:1', '{"edited": {"thread": "t1", "message": "m9", "text": "Hi", "count": 1}}', 1767225600000, NULL, NULL, 1767225600000);

INSERT INTO told (account_id, key, happened_at, created_at)
VALUES ('019b76daa800000000000009', 'referral', 1767225600000, 1767225600000);

INSERT INTO fetches (account_id, message_id, workspace_id, is_standby, announced_at, inbound_id, inbound_position, attempts, due_at, error, created_at)
VALUES ('019b76daa800000000000009', 'm8', '019b76daa800000000000001', FALSE, 1767225600000, '019b76daa800000000000010', 0, 1, 1767225600000, 'slow', 1767225600000),
       ('019b76daa800000000000009', 'm7', '019b76daa800000000000001', TRUE, 1767225600000, NULL, NULL, 9, NULL, NULL, 1767225600000);

INSERT INTO comments (id, workspace_id, account_id, remote_id, post_id, post_kind, parent_id, author_id, author_username, text, is_own, is_live, ad_id, is_hidden, deleted_at, commented_at, created_at, raw)
VALUES ('019b76daa800000000000017', '019b76daa800000000000001', '019b76daa800000000000009', 'c1', 'p1', 'FEED', NULL, 'p1', 'cy', 'Nice', FALSE, FALSE, 'ad1', FALSE, NULL, 1767225600000, 1767225600000, '{"field": "comments"}'),
       ('019b76daa800000000000018', '019b76daa800000000000001', '019b76daa800000000000009', 'c2', NULL, NULL, 'c1', NULL, NULL, NULL, TRUE, TRUE, NULL, TRUE, 1767225600000, 1767225600000, 1767225600000, NULL);
