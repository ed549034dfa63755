ALTER TABLE jobs ADD COLUMN account_id TEXT COLLATE "C";
ALTER TABLE jobs ADD COLUMN class TEXT COLLATE "C";
ALTER TABLE jobs ADD COLUMN priority BIGINT NOT NULL DEFAULT 1;
ALTER TABLE jobs ADD COLUMN send_at BIGINT;
UPDATE jobs SET account_id = (SELECT m.account_id FROM messages m WHERE m.id = jobs.subject);
CREATE INDEX jobs_by_account ON jobs (account_id, subject);
