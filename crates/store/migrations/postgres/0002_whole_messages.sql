ALTER TABLE messages ADD COLUMN content JSONB;
ALTER TABLE messages ADD COLUMN origin TEXT NOT NULL DEFAULT 'webhook';
ALTER TABLE messages ADD COLUMN part_of TEXT COLLATE "C";
ALTER TABLE messages ADD COLUMN comment_id TEXT COLLATE "C";
ALTER TABLE messages ADD COLUMN deleted_at BIGINT;
ALTER TABLE messages ADD COLUMN edited_at BIGINT;
ALTER TABLE messages ADD COLUMN edit_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN edit_history JSONB NOT NULL DEFAULT '[]';
ALTER TABLE messages ADD COLUMN reactions JSONB NOT NULL DEFAULT '[]';

UPDATE messages SET origin = 'api' WHERE sent_via IS NOT NULL;

ALTER TABLE conversations ADD COLUMN profile JSONB;
ALTER TABLE conversations ADD COLUMN profile_due_at BIGINT;
ALTER TABLE conversations ADD COLUMN window_opened_by JSONB;
ALTER TABLE conversations ADD COLUMN window_due_at BIGINT;
ALTER TABLE conversations ADD COLUMN control JSONB;
CREATE INDEX conversations_unknown ON conversations (profile_due_at, id)
    WHERE profile_due_at IS NOT NULL;
CREATE INDEX conversations_closing ON conversations (window_due_at, id)
    WHERE window_due_at IS NOT NULL;
