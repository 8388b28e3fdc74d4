-- The latest 100 gaps of all boxes in the range: from the readings up to 6 hours
-- (more than 30 s without one), from quarters of an hour without any up to 7 days, else from hours without any in
-- the last 31 days of the range. A gap that lasts has no end.
SELECT
  CONCAT_WS(':',
    SUBSTRING(HEX(gap.mac), 1, 2), SUBSTRING(HEX(gap.mac), 3, 2), SUBSTRING(HEX(gap.mac), 5, 2),
    SUBSTRING(HEX(gap.mac), 7, 2), SUBSTRING(HEX(gap.mac), 9, 2), SUBSTRING(HEX(gap.mac), 11, 2)
  ) AS box,
  UNIX_TIMESTAMP(gap.begins) * 1000 AS begins,
  UNIX_TIMESTAMP(gap.ends) * 1000 AS ends,
  TIMESTAMPDIFF(SECOND, gap.begins, COALESCE(gap.ends, CURRENT_TIMESTAMP)) / 60 AS minutes
FROM (
  SELECT mac, begins, ends
  FROM (
    SELECT mac, LAG(updated_at) OVER (PARTITION BY mac ORDER BY updated_at) AS begins, updated_at AS ends, 30 AS longest_s
    FROM reading
    WHERE $__timeFilter(updated_at) AND $__unixEpochTo() - $__unixEpochFrom() <= 21600
    UNION ALL
    SELECT mac, LAG(bucket) OVER (PARTITION BY mac ORDER BY bucket) + INTERVAL 15 MINUTE, bucket, 0
    FROM rollup_15
    WHERE $__timeFilter(bucket)
      AND $__unixEpochTo() - $__unixEpochFrom() > 21600 AND $__unixEpochTo() - $__unixEpochFrom() <= 604800
    UNION ALL
    SELECT mac, LAG(bucket) OVER (PARTITION BY mac ORDER BY bucket) + INTERVAL 1 HOUR, bucket, 0
    FROM rollup_60
    WHERE bucket BETWEEN FROM_UNIXTIME($__unixEpochTo() - 2678400) AND $__timeTo()
      AND $__unixEpochTo() - $__unixEpochFrom() > 604800
  ) AS step
  WHERE TIMESTAMPDIFF(SECOND, begins, ends) > longest_s
  UNION ALL
  SELECT box.mac, box.last_seen, NULL
  FROM box
  LEFT JOIN (
    SELECT DISTINCT mac FROM reading WHERE updated_at >= CURRENT_TIMESTAMP - INTERVAL 120 SECOND
  ) AS talking ON talking.mac = box.mac
  WHERE talking.mac IS NULL AND $__timeFilter(box.last_seen)
) AS gap
ORDER BY gap.begins DESC
LIMIT 100
