-- Seconds since the writer last stored what the hub says of itself; a day when it never has.
-- A hub's status passes hub, broker, writer and database, and needs no box.
SELECT COALESCE(TIMESTAMPDIFF(SECOND, MAX(hub_status.received_at), CURRENT_TIMESTAMP), 86400) AS seconds
FROM hub_status
