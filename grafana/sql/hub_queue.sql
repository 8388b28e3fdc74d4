-- Readings that wait in the hub for their confirmation, in memory and on disk, and for how many s the oldest has.
-- The hub tells it every minute; ranges over 6 hours show one status in 15 minutes, over 7 days one in an hour, since
-- reading numbers out of JSON takes its time.
SELECT UNIX_TIMESTAMP(received_at) AS time, queue_memory AS memory, queue_spool AS spool, lag_s
FROM hub_report
WHERE $__timeFilter(received_at) AND state = 'online'
  AND UNIX_TIMESTAMP(received_at) % CASE
    WHEN $__unixEpochTo() - $__unixEpochFrom() <= 21600 THEN 60
    WHEN $__unixEpochTo() - $__unixEpochFrom() <= 604800 THEN 900
    ELSE 3600
  END < 60
ORDER BY received_at
