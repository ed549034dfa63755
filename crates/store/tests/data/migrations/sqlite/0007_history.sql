INSERT INTO walks (account_id, kind, workspace_id, state, cursor, todo, is_last, wanted, span_from,
    span_to, threads_known, threads_done, received, found, total_received, total_found, calm,
    attempts, started_at, finished_at, last_error, due_at)
VALUES ('019b76daa800000000000009', 'import', '019b76daa800000000000001', 'running', 'QVFI',
        '[{"handle": "aWdf", "after": null}]', FALSE, 500, NULL, 1767225600000, 25, 24, 1, 30, 1, 30,
        0, 1, 1767225600000, NULL, '{"code": "platform_unavailable"}', 1767225600000);

UPDATE messages SET media_minted_at = 1767225600000 WHERE id = '019b76daa80000000000000d';
