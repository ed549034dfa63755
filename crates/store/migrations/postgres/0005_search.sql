ALTER TABLE messages ADD COLUMN folded TEXT;
CREATE INDEX messages_by_workspace ON messages (workspace_id, conversation_id);

UPDATE messages SET folded = lower(text) WHERE text IS NOT NULL;
