ALTER TABLE events ADD COLUMN inbound_id TEXT COLLATE "C";
ALTER TABLE events ADD COLUMN inbound_position BIGINT;

CREATE TABLE early (
    account_id TEXT COLLATE "C" NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    message_id TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    what JSONB NOT NULL,
    happened_at BIGINT NOT NULL,
    inbound_id TEXT COLLATE "C",
    inbound_position BIGINT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, message_id, key)
);
CREATE INDEX early_by_age ON early (created_at);

CREATE TABLE told (
    account_id TEXT COLLATE "C" NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    key TEXT COLLATE "C" NOT NULL,
    happened_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, key, happened_at)
);
CREATE INDEX told_by_age ON told (created_at);

CREATE TABLE fetches (
    account_id TEXT COLLATE "C" NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    message_id TEXT COLLATE "C" NOT NULL,
    workspace_id TEXT COLLATE "C" NOT NULL,
    is_standby BOOLEAN NOT NULL,
    announced_at BIGINT NOT NULL,
    inbound_id TEXT COLLATE "C",
    inbound_position BIGINT,
    attempts BIGINT NOT NULL,
    due_at BIGINT,
    error TEXT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, message_id)
);
CREATE INDEX fetches_due ON fetches (due_at, account_id, message_id) WHERE due_at IS NOT NULL;

CREATE TABLE comments (
    id TEXT COLLATE "C" PRIMARY KEY,
    workspace_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    remote_id TEXT COLLATE "C" NOT NULL,
    post_id TEXT COLLATE "C",
    post_kind TEXT,
    parent_id TEXT COLLATE "C",
    author_id TEXT COLLATE "C",
    author_username TEXT,
    text TEXT,
    is_own BOOLEAN NOT NULL,
    is_live BOOLEAN NOT NULL,
    ad_id TEXT COLLATE "C",
    is_hidden BOOLEAN NOT NULL,
    deleted_at BIGINT,
    commented_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    raw JSONB,
    UNIQUE (account_id, remote_id)
);
CREATE INDEX comments_by_post ON comments (account_id, post_id, commented_at, id);
