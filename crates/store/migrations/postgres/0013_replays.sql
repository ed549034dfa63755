CREATE TABLE replays (
    id TEXT COLLATE "C" PRIMARY KEY,
    workspace_id TEXT COLLATE "C" NOT NULL REFERENCES workspaces (id),
    endpoint_id TEXT COLLATE "C" NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    is_of_parked BOOLEAN NOT NULL,
    kinds JSONB NOT NULL,
    account_id TEXT COLLATE "C",
    after_seq BIGINT NOT NULL,
    up_to_seq BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    queued BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    finished_at BIGINT
);
CREATE INDEX replays_running ON replays (due_at, id) WHERE state = 'running';
CREATE INDEX replays_by_workspace ON replays (workspace_id, id);

ALTER TABLE deliveries ADD COLUMN replay_id TEXT COLLATE "C";
CREATE INDEX deliveries_by_replay ON deliveries (replay_id, state) WHERE replay_id IS NOT NULL;
CREATE INDEX deliveries_parked ON deliveries (endpoint_id, id) WHERE state = 'parked';

ALTER TABLE endpoints ADD COLUMN previous_secret TEXT;
ALTER TABLE endpoints ADD COLUMN previous_secret_until BIGINT;
