CREATE TABLE budgets (
    account_id   TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    workspace_id TEXT COLLATE "C" NOT NULL,
    due_at       BIGINT,
    spent        JSONB NOT NULL
);
CREATE INDEX budgets_due ON budgets (due_at) WHERE due_at IS NOT NULL;
ALTER TABLE jobs ADD COLUMN is_first BOOLEAN NOT NULL DEFAULT FALSE;
-- A process of the version before the last may have added some meanwhile.
UPDATE jobs SET account_id = (SELECT m.account_id FROM messages m WHERE m.id = jobs.subject)
    WHERE account_id IS NULL;
DELETE FROM jobs WHERE account_id IS NULL;
UPDATE jobs SET class = 'text' WHERE class IS NULL;
UPDATE jobs SET is_first = TRUE WHERE lane <> subject
    AND NOT EXISTS (SELECT 1 FROM jobs t WHERE t.lane = jobs.lane AND t.lane = t.subject)
    AND NOT EXISTS (SELECT 1 FROM jobs e WHERE e.lane = jobs.lane
        AND (e.attempts = 0, e.id) < (jobs.attempts = 0, jobs.id));
INSERT INTO budgets (account_id, workspace_id, due_at, spent)
    SELECT account_id, MIN(workspace_id), 0, '{}' FROM jobs GROUP BY account_id;
DROP INDEX jobs_due;
CREATE INDEX jobs_by_turn ON jobs (account_id, class, priority, due_at, id) WHERE is_first;
CREATE INDEX jobs_by_time ON jobs (account_id, send_at, id) WHERE lane = subject;
