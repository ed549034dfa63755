ALTER TABLE media ADD COLUMN message_id TEXT COLLATE "C" REFERENCES messages (id) ON DELETE SET NULL;
ALTER TABLE media ADD COLUMN place BIGINT;
CREATE UNIQUE INDEX media_of_message ON media (message_id, place) WHERE message_id IS NOT NULL;
CREATE INDEX media_left_over ON media (id) WHERE place IS NOT NULL AND message_id IS NULL;
CREATE INDEX media_by_size ON media (workspace_id, size);

CREATE TABLE media_uses (
    account_id TEXT COLLATE "C" NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    media_id TEXT COLLATE "C" NOT NULL REFERENCES media (id) ON DELETE CASCADE,
    PRIMARY KEY (account_id, media_id)
);
CREATE INDEX media_uses_by_media ON media_uses (media_id);
INSERT INTO media_uses (account_id, media_id) SELECT DISTINCT account_id, media_id FROM media_uploads;

CREATE TABLE keeps (
    message_id TEXT COLLATE "C" NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    place BIGINT NOT NULL,
    workspace_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    attempts BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (message_id, place)
);
CREATE INDEX keeps_due ON keeps (due_at, message_id, place);

ALTER TABLE events ADD COLUMN message_id TEXT COLLATE "C";
UPDATE events SET message_id = substr(body, strpos(body, '"message":{"id":"') + 17, 24)
WHERE substr(kind, 1, 8) = 'message.' AND strpos(body, '"message":{"id":"') > 0;
CREATE INDEX events_by_message ON events (message_id) WHERE message_id IS NOT NULL;

CREATE TABLE purges (
    account_id TEXT COLLATE "C" NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    message_id TEXT COLLATE "C" NOT NULL,
    platform TEXT COLLATE "C" NOT NULL,
    place TEXT COLLATE "C" NOT NULL,
    until BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, message_id)
);
CREATE INDEX purges_due ON purges (due_at, account_id, message_id);

ALTER TABLE fetches ADD COLUMN edit_count BIGINT;
