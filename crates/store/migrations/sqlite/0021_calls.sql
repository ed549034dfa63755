-- What was asked of platforms, without what is private.
CREATE TABLE calls (
    id TEXT NOT NULL,
    workspace_id TEXT NOT NULL,
    profile_id TEXT,
    account_id TEXT,
    platform TEXT NOT NULL,
    area TEXT NOT NULL,
    action TEXT NOT NULL,
    class TEXT,
    method TEXT NOT NULL,
    host TEXT NOT NULL,
    path TEXT NOT NULL,
    is_success BOOLEAN NOT NULL,
    status BIGINT,
    code BIGINT,
    subcode BIGINT,
    kind TEXT,
    words TEXT,
    trace_id TEXT,
    request_id TEXT,
    message_id TEXT,
    sent TEXT,
    answered TEXT,
    usage TEXT,
    duration_ms BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, id)
);
CREATE INDEX calls_by_account ON calls (account_id, id);
CREATE INDEX calls_by_message ON calls (message_id, id) WHERE message_id IS NOT NULL;
CREATE INDEX calls_by_request ON calls (request_id, id) WHERE request_id IS NOT NULL;
CREATE INDEX calls_failed ON calls (workspace_id, id) WHERE NOT is_success;

-- The request that asked for it.
ALTER TABLE jobs ADD COLUMN origin TEXT;
