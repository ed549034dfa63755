CREATE TABLE walks (
    account_id TEXT COLLATE "C" NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    kind TEXT COLLATE "C" NOT NULL,
    workspace_id TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    cursor TEXT COLLATE "C",
    todo JSONB NOT NULL,
    is_last BOOLEAN NOT NULL,
    wanted BIGINT,
    span_from BIGINT,
    span_to BIGINT,
    threads_known BIGINT NOT NULL,
    threads_done BIGINT NOT NULL,
    received BIGINT NOT NULL,
    found BIGINT NOT NULL,
    total_received BIGINT NOT NULL,
    total_found BIGINT NOT NULL,
    calm BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    started_at BIGINT,
    finished_at BIGINT,
    last_error JSONB,
    due_at BIGINT,
    PRIMARY KEY (account_id, kind)
);
CREATE INDEX walks_due ON walks (due_at, account_id) WHERE due_at IS NOT NULL;

INSERT INTO walks (account_id, kind, workspace_id, state, todo, is_last, threads_known,
    threads_done, received, found, total_received, total_found, calm, attempts, due_at)
SELECT id, 'reconcile', workspace_id, 'queued', '[]', FALSE, 0, 0, 0, 0, 0, 0, 0, 0, 0
FROM accounts WHERE state = 'connected';

ALTER TABLE messages ADD COLUMN media_minted_at BIGINT;
