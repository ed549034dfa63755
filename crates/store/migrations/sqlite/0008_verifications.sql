CREATE TABLE verifications (
    platform TEXT PRIMARY KEY,
    challenge_passed_at BIGINT,
    challenge_failed_at BIGINT,
    refused_count BIGINT NOT NULL,
    refused_at BIGINT,
    refused_about TEXT
);

CREATE INDEX messages_failed ON messages (account_id, created_at) WHERE status = 'failed';
