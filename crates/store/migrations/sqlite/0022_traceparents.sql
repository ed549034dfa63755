-- The place in a trace at which something came, happened, or was asked for, as W3C Trace Context writes it.
ALTER TABLE inbound ADD COLUMN traceparent TEXT;
ALTER TABLE events ADD COLUMN traceparent TEXT;
ALTER TABLE jobs ADD COLUMN traceparent TEXT;
