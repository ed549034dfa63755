ALTER TABLE jobs ADD COLUMN hold_until BIGINT;
CREATE INDEX jobs_held ON jobs (hold_until) WHERE hold_until IS NOT NULL;

CREATE INDEX messages_by_request ON messages (part_of, id) WHERE part_of IS NOT NULL;

CREATE TABLE media (
    id TEXT COLLATE "C" PRIMARY KEY,
    workspace_id TEXT COLLATE "C" NOT NULL REFERENCES workspaces (id),
    filename TEXT NOT NULL,
    content_type TEXT,
    size BIGINT NOT NULL,
    sha256 TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX media_by_content ON media (workspace_id, sha256);
CREATE INDEX media_by_expiry ON media (expires_at, id);

CREATE TABLE media_uploads (
    account_id TEXT COLLATE "C" NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    media_id TEXT COLLATE "C" NOT NULL REFERENCES media (id) ON DELETE CASCADE,
    kind TEXT COLLATE "C" NOT NULL,
    remote_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, media_id, kind)
);
CREATE INDEX media_uploads_by_media ON media_uploads (media_id);

CREATE TABLE private_replies (
    id TEXT COLLATE "C" PRIMARY KEY,
    workspace_id TEXT COLLATE "C" NOT NULL REFERENCES workspaces (id),
    account_id TEXT COLLATE "C" NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    comment_id TEXT COLLATE "C" NOT NULL,
    content JSONB NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    remote_id TEXT,
    error JSONB,
    created_at BIGINT NOT NULL,
    UNIQUE (account_id, comment_id)
);
CREATE INDEX private_replies_unsettled ON private_replies (account_id, id)
    WHERE state IN ('sending', 'unknown');
