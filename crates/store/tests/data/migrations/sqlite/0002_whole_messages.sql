UPDATE messages SET content = '{"type": "text", "text": "Hi"}', part_of = '019b76daa80000000000000e'
WHERE id = '019b76daa80000000000000f';

UPDATE messages SET deleted_at = 1767225600001, edited_at = 1767225600001, edit_count = 1,
    edit_history = '[{"text": "Hell", "attachments": [], "editedAt": "2026-01-01T00:00:00.000Z"}]',
    reactions = '[{"emoji": "+", "fromMe": false, "reactedAt": "2026-01-01T00:00:00.000Z"}]'
WHERE id = '019b76daa80000000000000d';

UPDATE conversations SET profile = '{"name": "Cy"}', profile_due_at = 1767225600000,
    window_opened_by = '{"type": "message"}', window_due_at = 1767225600000,
    control = '{"owner": "7"}'
WHERE id = '019b76daa80000000000000b';
