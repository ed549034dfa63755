UPDATE accounts SET state_code = 'app_removed', warned_days = 3, paused_until = 5, restriction = '{"code":368}',
    local_username = 'ours', local_display_name = 'Ours', subscribed_fields = '["messages"]',
    subscription_checked_at = 1, subscription_failures = 2;
UPDATE oauth_apps SET checked_at = 1, check_error = 'no';
INSERT INTO erasures (id, platform, app_scoped_id, issued_at, verified_by, state, place, erased, due_at, requested_at)
VALUES ('e', 'instagram', '27', 1, '[null]', 'pending', 'a', 3, 2, 1);
