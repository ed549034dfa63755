UPDATE accounts SET state = 'dead', state_code = 'checkpoint', renew_at = 1767225600000
WHERE id = '019b76daa800000000000009';
