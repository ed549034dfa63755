CREATE INDEX inbound_waiting ON inbound (error) WHERE state = 'pending' AND error IS NOT NULL;
