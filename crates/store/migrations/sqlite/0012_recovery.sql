UPDATE accounts SET renew_at = NULL WHERE state <> 'connected';
CREATE INDEX accounts_recoverable ON accounts (renew_at, id) WHERE state = 'dead';
