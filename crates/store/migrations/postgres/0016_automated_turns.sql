ALTER TABLE conversations ADD COLUMN automated_turns BIGINT NOT NULL DEFAULT 0;
