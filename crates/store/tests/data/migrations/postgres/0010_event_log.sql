INSERT INTO event_horizons (workspace_id, kind, seq) SELECT id, 'message.read', 1 FROM workspaces;
