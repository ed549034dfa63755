ALTER TABLE jobs ADD COLUMN hold_until BIGINT;
CREATE INDEX jobs_held ON jobs (hold_until) WHERE hold_until IS NOT NULL;

CREATE INDEX messages_by_request ON messages (part_of, id) WHERE part_of IS NOT NULL;

CREATE TABLE media (
    id TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id),
    filename TEXT NOT NULL,
    content_type TEXT,
    size BIGINT NOT NULL,
    sha256 TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX media_by_content ON media (workspace_id, sha256);
CREATE INDEX media_by_expiry ON media (expires_at, id);

CREATE TABLE media_uploads (
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    media_id TEXT NOT NULL REFERENCES media (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    remote_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, media_id, kind)
);
CREATE INDEX media_uploads_by_media ON media_uploads (media_id);

CREATE TABLE private_replies (
    id TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id),
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    comment_id TEXT NOT NULL,
    content TEXT NOT NULL,
    state TEXT NOT NULL,
    remote_id TEXT,
    error TEXT,
    created_at BIGINT NOT NULL,
    UNIQUE (account_id, comment_id)
);
CREATE INDEX private_replies_unsettled ON private_replies (account_id, id)
    WHERE state IN ('sending', 'unknown');
