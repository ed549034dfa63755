ALTER TABLE media ADD COLUMN message_id TEXT REFERENCES messages (id) ON DELETE SET NULL;
ALTER TABLE media ADD COLUMN place BIGINT;
CREATE UNIQUE INDEX media_of_message ON media (message_id, place) WHERE message_id IS NOT NULL;
CREATE INDEX media_left_over ON media (id) WHERE place IS NOT NULL AND message_id IS NULL;
CREATE INDEX media_by_size ON media (workspace_id, size);

CREATE TABLE media_uses (
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    media_id TEXT NOT NULL REFERENCES media (id) ON DELETE CASCADE,
    PRIMARY KEY (account_id, media_id)
);
CREATE INDEX media_uses_by_media ON media_uses (media_id);
INSERT INTO media_uses (account_id, media_id) SELECT DISTINCT account_id, media_id FROM media_uploads;

CREATE TABLE keeps (
    message_id TEXT NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    place BIGINT NOT NULL,
    workspace_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (message_id, place)
);
CREATE INDEX keeps_due ON keeps (due_at, message_id, place);

ALTER TABLE events ADD COLUMN message_id TEXT;
UPDATE events SET message_id = substr(body, instr(body, '"message":{"id":"') + 17, 24)
WHERE substr(kind, 1, 8) = 'message.' AND instr(body, '"message":{"id":"') > 0;
CREATE INDEX events_by_message ON events (message_id) WHERE message_id IS NOT NULL;

CREATE TABLE purges (
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    message_id TEXT NOT NULL,
    platform TEXT NOT NULL,
    place TEXT NOT NULL,
    until BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, message_id)
);
CREATE INDEX purges_due ON purges (due_at, account_id, message_id);

ALTER TABLE fetches ADD COLUMN edit_count BIGINT;
