ALTER TABLE conversations ADD COLUMN automated_turns BIGINT NOT NULL DEFAULT 0;
CREATE INDEX messages_unknown ON messages (account_id, sent_at) WHERE status = 'unknown';
