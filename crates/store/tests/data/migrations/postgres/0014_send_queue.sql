UPDATE jobs SET class = 'text', send_at = 1767225600000;
