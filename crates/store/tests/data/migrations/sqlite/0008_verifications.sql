INSERT INTO verifications (platform, challenge_passed_at, challenge_failed_at, refused_count, refused_at, refused_about)
VALUES ('instagram', 1767225600000, 1767225500000, 3, 1767225600000, '17');

INSERT INTO events (workspace_id, seq, id, kind, profile_id, account_id, body, created_at)
VALUES ('019b76daa800000000000001', 2, '019b76da-a800-7000-8000-000000000002', 'message.received', NULL, '019b76daa800000000000009',
        '{"id":"e","event":"message.received","message":{"id":"019b76daa80000000000000d","text":"\u0000 \"message\":{\"id\":\"x"}}', 1767225600000);
