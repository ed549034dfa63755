CREATE INDEX events_by_time ON events (workspace_id, created_at, seq);

-- Up to where events of a kind are no longer kept.
CREATE TABLE event_horizons (
    workspace_id TEXT COLLATE "C" NOT NULL REFERENCES workspaces (id),
    kind TEXT COLLATE "C" NOT NULL,
    seq BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, kind)
);
