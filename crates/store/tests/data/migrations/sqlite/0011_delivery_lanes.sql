UPDATE deliveries SET class = 2, seq = 7, thread = 'a conversation';
UPDATE endpoints SET keeps_order = TRUE, max_per_second = 5, held_until = 1767225600000,
    failing_since = 1767225500000, warned_percent = 50, disabled_reason = 'failing';
