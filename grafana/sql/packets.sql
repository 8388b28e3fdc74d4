-- Packets per minute of each appliance over the range: by 15 minutes up to 7 days, by hour up to 31 days, then by
-- local day.
SELECT UNIX_TIMESTAMP(mean.begins) AS time, device.nome AS metric, mean.per_minute AS value
FROM (
  SELECT bucket AS begins, idDevice, SUM(n) / 15 AS per_minute
  FROM rollup_15
  WHERE $__timeFilter(bucket) AND $__unixEpochTo() - $__unixEpochFrom() <= 604800
  GROUP BY bucket, idDevice
  UNION ALL
  SELECT bucket, idDevice, SUM(n) / 60
  FROM rollup_60
  WHERE $__timeFilter(bucket)
    AND $__unixEpochTo() - $__unixEpochFrom() > 604800 AND $__unixEpochTo() - $__unixEpochFrom() <= 2678400
  GROUP BY bucket, idDevice
  UNION ALL
  SELECT
    calendar.begins, daily.idDevice,
    SUM(daily.n) * 60 / TIMESTAMPDIFF(SECOND, calendar.begins, LEAST(calendar.ends, CURRENT_TIMESTAMP))
  FROM daily
  JOIN calendar ON calendar.day = daily.day
  WHERE daily.day BETWEEN DATE($__timeFrom()) - INTERVAL 1 DAY AND DATE($__timeTo()) + INTERVAL 1 DAY
    AND $__timeFilter(calendar.begins) AND $__unixEpochTo() - $__unixEpochFrom() > 2678400
  GROUP BY calendar.begins, calendar.ends, daily.idDevice
) AS mean
JOIN device ON device.idDevice = mean.idDevice
ORDER BY time, device.idDevice
