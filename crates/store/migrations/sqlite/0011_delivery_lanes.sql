-- What goes first: 0 new, 1 tried before, 2 asked for again.
ALTER TABLE deliveries ADD COLUMN class BIGINT NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN seq BIGINT NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN thread TEXT;
UPDATE deliveries SET class = 1 WHERE attempts > 0;
DROP INDEX deliveries_pending;
CREATE INDEX deliveries_by_lane ON deliveries (endpoint_id, class, due_at, id) WHERE state = 'pending';
CREATE INDEX deliveries_by_thread ON deliveries (endpoint_id, thread, seq)
    WHERE state = 'pending' AND thread IS NOT NULL;

ALTER TABLE endpoints ADD COLUMN keeps_order BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE endpoints ADD COLUMN max_per_second BIGINT;
ALTER TABLE endpoints ADD COLUMN held_until BIGINT;
ALTER TABLE endpoints ADD COLUMN failing_since BIGINT;
ALTER TABLE endpoints ADD COLUMN warned_percent BIGINT NOT NULL DEFAULT 0;
ALTER TABLE endpoints ADD COLUMN disabled_reason TEXT;
