CREATE TABLE workspaces (
    id TEXT COLLATE "C" PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL UNIQUE,
    event_seq BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL
);

CREATE TABLE profiles (
    id TEXT COLLATE "C" PRIMARY KEY,
    workspace_id TEXT COLLATE "C" NOT NULL REFERENCES workspaces (id),
    name TEXT COLLATE "C" NOT NULL,
    description TEXT NOT NULL,
    color TEXT NOT NULL,
    timezone TEXT,
    external_id TEXT COLLATE "C",
    is_default BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (workspace_id, name),
    UNIQUE (workspace_id, external_id)
);

CREATE TABLE api_keys (
    id TEXT COLLATE "C" PRIMARY KEY,
    workspace_id TEXT COLLATE "C" NOT NULL REFERENCES workspaces (id),
    name TEXT NOT NULL,
    hash TEXT COLLATE "C" NOT NULL UNIQUE,
    preview TEXT NOT NULL,
    profile_ids JSONB,
    is_read_only BOOLEAN NOT NULL,
    disabled_groups JSONB NOT NULL,
    expires_at BIGINT,
    created_at BIGINT NOT NULL
);
CREATE INDEX api_keys_by_workspace ON api_keys (workspace_id, id);

CREATE TABLE oauth_apps (
    id TEXT COLLATE "C" PRIMARY KEY,
    workspace_id TEXT COLLATE "C" NOT NULL REFERENCES workspaces (id),
    platform TEXT COLLATE "C" NOT NULL,
    label TEXT NOT NULL,
    client_id TEXT COLLATE "C" NOT NULL,
    client_secret TEXT NOT NULL,
    signing_app_id TEXT,
    signing_secret TEXT,
    verify_token TEXT NOT NULL,
    scope_areas JSONB,
    created_at BIGINT NOT NULL,
    UNIQUE (workspace_id, platform, client_id)
);
CREATE INDEX oauth_apps_by_platform ON oauth_apps (platform, id);

CREATE TABLE connects (
    id TEXT COLLATE "C" PRIMARY KEY,
    workspace_id TEXT COLLATE "C" NOT NULL REFERENCES workspaces (id),
    profile_id TEXT COLLATE "C" NOT NULL REFERENCES profiles (id) ON DELETE CASCADE,
    platform TEXT COLLATE "C" NOT NULL,
    oauth_app_id TEXT COLLATE "C",
    redirect_url TEXT,
    reconnect_account_id TEXT COLLATE "C",
    expected_remote_id TEXT COLLATE "C",
    expected_username TEXT COLLATE "C",
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX connects_by_expiry ON connects (expires_at);

CREATE TABLE accounts (
    id TEXT COLLATE "C" PRIMARY KEY,
    workspace_id TEXT COLLATE "C" NOT NULL REFERENCES workspaces (id),
    profile_id TEXT COLLATE "C" NOT NULL REFERENCES profiles (id),
    platform TEXT COLLATE "C" NOT NULL,
    remote_id TEXT COLLATE "C" NOT NULL,
    app_scoped_id TEXT COLLATE "C",
    username TEXT COLLATE "C" NOT NULL,
    display_name TEXT,
    picture TEXT,
    profile_url TEXT,
    followers BIGINT,
    kind TEXT,
    metadata JSONB NOT NULL,
    oauth_app_id TEXT COLLATE "C" REFERENCES oauth_apps (id),
    scopes JSONB,
    token TEXT,
    token_expires_at BIGINT,
    token_issued_at BIGINT,
    renew_at BIGINT,
    state TEXT COLLATE "C" NOT NULL,
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
    id TEXT COLLATE "C" PRIMARY KEY,
    workspace_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL REFERENCES accounts (id),
    remote_id TEXT COLLATE "C" NOT NULL,
    participant_id TEXT COLLATE "C" NOT NULL,
    participant_name TEXT,
    participant_username TEXT,
    participant_picture TEXT,
    status TEXT COLLATE "C" NOT NULL,
    last_message TEXT,
    last_message_at BIGINT,
    window_opened_at BIGINT,
    unread_count BIGINT NOT NULL,
    metadata JSONB,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (account_id, remote_id)
);
CREATE INDEX conversations_by_update ON conversations (workspace_id, updated_at, id);
CREATE INDEX conversations_by_account ON conversations (account_id, updated_at, id);

CREATE TABLE messages (
    id TEXT COLLATE "C" PRIMARY KEY,
    workspace_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL REFERENCES accounts (id),
    conversation_id TEXT COLLATE "C" NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    remote_id TEXT COLLATE "C",
    direction TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    text TEXT,
    attachments JSONB NOT NULL,
    sender_id TEXT COLLATE "C" NOT NULL,
    sent_via TEXT,
    tag TEXT,
    metadata JSONB,
    error JSONB,
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
    id TEXT COLLATE "C" PRIMARY KEY,
    platform TEXT COLLATE "C" NOT NULL,
    verified_by JSONB NOT NULL,
    body BYTEA NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    error TEXT,
    attempts BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    received_at BIGINT NOT NULL
);
CREATE INDEX inbound_pending ON inbound (due_at, id) WHERE state = 'pending';
CREATE INDEX inbound_unrouted ON inbound (received_at) WHERE state = 'unrouted';

CREATE TABLE events (
    workspace_id TEXT COLLATE "C" NOT NULL REFERENCES workspaces (id),
    seq BIGINT NOT NULL,
    id TEXT COLLATE "C" NOT NULL UNIQUE,
    kind TEXT COLLATE "C" NOT NULL,
    profile_id TEXT COLLATE "C",
    account_id TEXT COLLATE "C",
    body TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, seq)
);

CREATE TABLE endpoints (
    id TEXT COLLATE "C" PRIMARY KEY,
    workspace_id TEXT COLLATE "C" NOT NULL REFERENCES workspaces (id),
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    secret TEXT NOT NULL,
    events JSONB NOT NULL,
    is_active BOOLEAN NOT NULL,
    custom_headers TEXT,
    disabled_groups JSONB NOT NULL,
    profile_ids JSONB NOT NULL,
    account_ids JSONB NOT NULL,
    failure_count BIGINT NOT NULL,
    last_fired_at BIGINT,
    created_at BIGINT NOT NULL
);
CREATE INDEX endpoints_by_workspace ON endpoints (workspace_id, id);

CREATE TABLE deliveries (
    id TEXT COLLATE "C" PRIMARY KEY,
    workspace_id TEXT COLLATE "C" NOT NULL,
    endpoint_id TEXT COLLATE "C" NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    event_id TEXT COLLATE "C" NOT NULL REFERENCES events (id),
    state TEXT COLLATE "C" NOT NULL,
    attempts BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX deliveries_pending ON deliveries (due_at, id) WHERE state = 'pending';
CREATE INDEX deliveries_by_endpoint ON deliveries (endpoint_id, id);

CREATE TABLE attempts (
    id TEXT COLLATE "C" PRIMARY KEY,
    workspace_id TEXT COLLATE "C" NOT NULL,
    endpoint_id TEXT COLLATE "C" NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    event_id TEXT COLLATE "C" NOT NULL REFERENCES events (id),
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
    id TEXT COLLATE "C" PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL,
    lane TEXT COLLATE "C" NOT NULL,
    workspace_id TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    attempts BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX jobs_due ON jobs (due_at, id);
CREATE INDEX jobs_by_lane ON jobs (lane, id);

CREATE TABLE idempotency (
    credential TEXT COLLATE "C" NOT NULL,
    path TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    body_hash TEXT COLLATE "C" NOT NULL,
    message_id TEXT COLLATE "C",
    status BIGINT,
    answer TEXT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (credential, path, key)
);
CREATE INDEX idempotency_by_age ON idempotency (created_at);
