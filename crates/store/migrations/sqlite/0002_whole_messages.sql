ALTER TABLE messages ADD COLUMN content TEXT;
ALTER TABLE messages ADD COLUMN origin TEXT NOT NULL DEFAULT 'webhook';
ALTER TABLE messages ADD COLUMN part_of TEXT;
ALTER TABLE messages ADD COLUMN comment_id TEXT;
ALTER TABLE messages ADD COLUMN deleted_at BIGINT;
ALTER TABLE messages ADD COLUMN edited_at BIGINT;
ALTER TABLE messages ADD COLUMN edit_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN edit_history TEXT NOT NULL DEFAULT '[]';
ALTER TABLE messages ADD COLUMN reactions TEXT NOT NULL DEFAULT '[]';

UPDATE messages SET origin = 'api' WHERE sent_via IS NOT NULL;

ALTER TABLE conversations ADD COLUMN profile TEXT;
ALTER TABLE conversations ADD COLUMN profile_due_at BIGINT;
ALTER TABLE conversations ADD COLUMN window_opened_by TEXT;
ALTER TABLE conversations ADD COLUMN window_due_at BIGINT;
ALTER TABLE conversations ADD COLUMN control TEXT;
CREATE INDEX conversations_unknown ON conversations (profile_due_at, id)
    WHERE profile_due_at IS NOT NULL;
CREATE INDEX conversations_closing ON conversations (window_due_at, id)
    WHERE window_due_at IS NOT NULL;
