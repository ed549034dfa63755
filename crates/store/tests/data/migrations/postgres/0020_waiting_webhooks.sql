UPDATE inbound SET error = 'it waits' WHERE state = 'pending';
