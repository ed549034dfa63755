CREATE TABLE workspaces (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    event_seq BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL
);

CREATE TABLE profiles (
    id TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id),
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    color TEXT NOT NULL,
    timezone TEXT,
    external_id TEXT,
    is_default BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (workspace_id, name),
    UNIQUE (workspace_id, external_id)
);

CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id),
    name TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    preview TEXT NOT NULL,
    profile_ids TEXT,
    is_read_only BOOLEAN NOT NULL,
    disabled_groups TEXT NOT NULL,
    expires_at BIGINT,
    created_at BIGINT NOT NULL
);
CREATE INDEX api_keys_by_workspace ON api_keys (workspace_id, id);

CREATE TABLE oauth_apps (
    id TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id),
    platform TEXT NOT NULL,
    label TEXT NOT NULL,
    client_id TEXT NOT NULL,
    client_secret TEXT NOT NULL,
    signing_app_id TEXT,
    signing_secret TEXT,
    verify_token TEXT NOT NULL,
    scope_areas TEXT,
    created_at BIGINT NOT NULL,
    UNIQUE (workspace_id, platform, client_id)
);
CREATE INDEX oauth_apps_by_platform ON oauth_apps (platform, id);

CREATE TABLE connects (
    id TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id),
    profile_id TEXT NOT NULL REFERENCES profiles (id) ON DELETE CASCADE,
    platform TEXT NOT NULL,
    oauth_app_id TEXT,
    redirect_url TEXT,
    reconnect_account_id TEXT,
    expected_remote_id TEXT,
    expected_username TEXT,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX connects_by_expiry ON connects (expires_at);

CREATE TABLE accounts (
    id TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id),
    profile_id TEXT NOT NULL REFERENCES profiles (id),
    platform TEXT NOT NULL,
    remote_id TEXT NOT NULL,
    app_scoped_id TEXT,
    username TEXT NOT NULL,
    display_name TEXT,
    picture TEXT,
    profile_url TEXT,
    followers BIGINT,
    kind TEXT,
    metadata TEXT NOT NULL,
    oauth_app_id TEXT REFERENCES oauth_apps (id),
    scopes TEXT,
    token TEXT,
    token_expires_at BIGINT,
    token_issued_at BIGINT,
    renew_at BIGINT,
    state TEXT NOT NULL,
    state_reason TEXT,
    state_since BIGINT NOT NULL,
    rate_limited_until BIGINT,
    last_event_at BIGINT,
    created_at BIGINT NOT NULL,
    UNIQUE (workspace_id, platform, remote_id)
);
CREATE INDEX accounts_by_remote_id ON accounts (platform, remote_id);
CREATE INDEX accounts_renewable ON accounts (renew_at, id) WHERE state = 'connected';
CREATE INDEX accounts_by_profile ON accounts (profile_id, id);

CREATE TABLE conversations (
    id TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    remote_id TEXT NOT NULL,
    participant_id TEXT NOT NULL,
    participant_name TEXT,
    participant_username TEXT,
    participant_picture TEXT,
    status TEXT NOT NULL,
    last_message TEXT,
    last_message_at BIGINT,
    window_opened_at BIGINT,
    unread_count BIGINT NOT NULL,
    metadata TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (account_id, remote_id)
);
CREATE INDEX conversations_by_update ON conversations (workspace_id, updated_at, id);
CREATE INDEX conversations_by_account ON conversations (account_id, updated_at, id);

CREATE TABLE messages (
    id TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    remote_id TEXT,
    direction TEXT NOT NULL,
    status TEXT NOT NULL,
    text TEXT,
    attachments TEXT NOT NULL,
    sender_id TEXT NOT NULL,
    sent_via TEXT,
    tag TEXT,
    metadata TEXT,
    error TEXT,
    is_read BOOLEAN NOT NULL,
    read_at BIGINT,
    sent_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (account_id, remote_id)
);
CREATE INDEX messages_by_conversation ON messages (conversation_id, sent_at, id);
CREATE INDEX messages_unsettled ON messages (conversation_id, id)
    WHERE status IN ('queued', 'sending', 'unknown');

CREATE TABLE inbound (
    id TEXT PRIMARY KEY,
    platform TEXT NOT NULL,
    verified_by TEXT NOT NULL,
    body BLOB NOT NULL,
    state TEXT NOT NULL,
    error TEXT,
    attempts BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    received_at BIGINT NOT NULL
);
CREATE INDEX inbound_pending ON inbound (due_at, id) WHERE state = 'pending';
CREATE INDEX inbound_unrouted ON inbound (received_at) WHERE state = 'unrouted';

CREATE TABLE events (
    workspace_id TEXT NOT NULL REFERENCES workspaces (id),
    seq BIGINT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    profile_id TEXT,
    account_id TEXT,
    body TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, seq)
);

CREATE TABLE endpoints (
    id TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id),
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    secret TEXT NOT NULL,
    events TEXT NOT NULL,
    is_active BOOLEAN NOT NULL,
    custom_headers TEXT,
    disabled_groups TEXT NOT NULL,
    profile_ids TEXT NOT NULL,
    account_ids TEXT NOT NULL,
    failure_count BIGINT NOT NULL,
    last_fired_at BIGINT,
    created_at BIGINT NOT NULL
);
CREATE INDEX endpoints_by_workspace ON endpoints (workspace_id, id);

CREATE TABLE deliveries (
    id TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL,
    endpoint_id TEXT NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    event_id TEXT NOT NULL REFERENCES events (id),
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX deliveries_pending ON deliveries (due_at, id) WHERE state = 'pending';
CREATE INDEX deliveries_by_endpoint ON deliveries (endpoint_id, id);

CREATE TABLE attempts (
    id TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL,
    endpoint_id TEXT NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    event_id TEXT NOT NULL REFERENCES events (id),
    is_test BOOLEAN NOT NULL,
    url TEXT NOT NULL,
    is_success BOOLEAN NOT NULL,
    status_code BIGINT,
    response_body TEXT,
    error TEXT,
    number BIGINT NOT NULL,
    response_ms BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX attempts_by_workspace ON attempts (workspace_id, id);
CREATE INDEX attempts_by_endpoint ON attempts (endpoint_id, id);

CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    lane TEXT NOT NULL,
    workspace_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX jobs_due ON jobs (due_at, id);
CREATE INDEX jobs_by_lane ON jobs (lane, id);

CREATE TABLE idempotency (
    credential TEXT NOT NULL,
    path TEXT NOT NULL,
    key TEXT NOT NULL,
    body_hash TEXT NOT NULL,
    message_id TEXT,
    status BIGINT,
    answer TEXT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (credential, path, key)
);
CREATE INDEX idempotency_by_age ON idempotency (created_at);
