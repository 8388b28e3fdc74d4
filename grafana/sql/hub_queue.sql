-- Readings that wait in the hub for their confirmation, in memory and on disk, and for how many s the oldest has.
SELECT UNIX_TIMESTAMP(received_at) AS time, queue_memory AS memory, queue_spool AS spool, lag_s
FROM hub_report
WHERE $__timeFilter(received_at) AND state = 'online'
ORDER BY received_at
