UPDATE inbound SET traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
UPDATE events SET traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-b7ad6b7169203331-01';
UPDATE jobs SET traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-b9c7c989f97918e1-00';
