UPDATE workspaces SET event_seq = $2 WHERE id = $1
