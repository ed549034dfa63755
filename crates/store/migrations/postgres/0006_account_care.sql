ALTER TABLE accounts ADD COLUMN state_code TEXT;
ALTER TABLE accounts ADD COLUMN warned_days BIGINT;
ALTER TABLE accounts ADD COLUMN paused_until BIGINT;
ALTER TABLE accounts ADD COLUMN restriction JSONB;
ALTER TABLE accounts ADD COLUMN local_username TEXT;
ALTER TABLE accounts ADD COLUMN local_display_name TEXT;
ALTER TABLE accounts ADD COLUMN subscribed_fields JSONB;
ALTER TABLE accounts ADD COLUMN subscription_checked_at BIGINT;
ALTER TABLE accounts ADD COLUMN subscription_due_at BIGINT;
ALTER TABLE accounts ADD COLUMN subscription_failures BIGINT NOT NULL DEFAULT 0;
UPDATE accounts SET subscription_due_at = 0 WHERE state = 'connected';
CREATE INDEX accounts_subscribable ON accounts (subscription_due_at, id) WHERE state = 'connected';
ALTER TABLE accounts ALTER COLUMN app_scoped_id TYPE TEXT COLLATE "C";
CREATE INDEX accounts_by_app_scoped_id ON accounts (platform, app_scoped_id);

ALTER TABLE oauth_apps ADD COLUMN checked_at BIGINT;
ALTER TABLE oauth_apps ADD COLUMN check_error TEXT;

CREATE TABLE erasures (
    id TEXT COLLATE "C" PRIMARY KEY,
    platform TEXT COLLATE "C" NOT NULL,
    app_scoped_id TEXT COLLATE "C" NOT NULL,
    issued_at BIGINT NOT NULL,
    verified_by JSONB NOT NULL,
    state TEXT NOT NULL,
    place TEXT COLLATE "C",
    erased BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    requested_at BIGINT NOT NULL,
    finished_at BIGINT,
    UNIQUE (platform, app_scoped_id, issued_at)
);
CREATE INDEX erasures_pending ON erasures (due_at, id) WHERE state = 'pending';

CREATE INDEX events_by_account ON events (account_id);
CREATE INDEX deliveries_by_event ON deliveries (event_id);
CREATE INDEX attempts_by_event ON attempts (event_id);
