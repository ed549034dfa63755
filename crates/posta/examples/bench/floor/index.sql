CREATE INDEX floor_due ON floor (id) WHERE due_at = 0
