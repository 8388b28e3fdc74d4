-- A of each appliance over the range, means of each step, in Unix s (t) and A. The step grows with the range: 10 s up to
-- 2 hours, 1 minute up to 6 hours, 15 minutes up to 7 days, 1 hour up to 31 days, then local days. Where the
-- appliance said nothing, a NULL at t + step ends the line.
SELECT point.idDevice, point.t, point.t + gap.n * point.step AS time, IF(gap.n = 0, point.ampere, NULL) AS ampere
FROM (
  SELECT
    t, idDevice, step, ampere,
    LEAD(t) OVER (PARTITION BY idDevice ORDER BY t) - t > longest AS ends
  FROM (
    SELECT t, idDevice, 10 AS step, 30 AS longest, SUM(ampere) AS ampere
    FROM (
      SELECT UNIX_TIMESTAMP(updated_at) DIV 10 * 10 AS t, idDevice, mac, AVG(sensorData) AS ampere
      FROM reading
      WHERE $__timeFilter(updated_at) AND $__unixEpochTo() - $__unixEpochFrom() <= 7200
      GROUP BY t, idDevice, mac
    ) AS box
    GROUP BY t, idDevice
    UNION ALL
    SELECT t, idDevice, 60, 60, SUM(ampere)
    FROM (
      SELECT UNIX_TIMESTAMP(updated_at) DIV 60 * 60 AS t, idDevice, mac, AVG(sensorData) AS ampere
      FROM reading
      WHERE $__timeFilter(updated_at)
        AND $__unixEpochTo() - $__unixEpochFrom() > 7200 AND $__unixEpochTo() - $__unixEpochFrom() <= 21600
      GROUP BY t, idDevice, mac
    ) AS box
    GROUP BY t, idDevice
    UNION ALL
    SELECT UNIX_TIMESTAMP(bucket), idDevice, 900, 900, SUM(a_s / cov_s)
    FROM rollup_15
    WHERE $__timeFilter(bucket)
      AND $__unixEpochTo() - $__unixEpochFrom() > 21600 AND $__unixEpochTo() - $__unixEpochFrom() <= 604800
    GROUP BY bucket, idDevice
    UNION ALL
    SELECT UNIX_TIMESTAMP(bucket), idDevice, 3600, 3600, SUM(a_s / cov_s)
    FROM rollup_60
    WHERE $__timeFilter(bucket)
      AND $__unixEpochTo() - $__unixEpochFrom() > 604800 AND $__unixEpochTo() - $__unixEpochFrom() <= 2678400
    GROUP BY bucket, idDevice
    UNION ALL
    SELECT UNIX_TIMESTAMP(calendar.begins), idDevice, 86400, 90000, SUM(a_s) / SUM(cov_s)
    FROM daily
    JOIN calendar ON calendar.day = daily.day
    WHERE daily.day BETWEEN DATE($__timeFrom()) - INTERVAL 1 DAY AND DATE($__timeTo()) + INTERVAL 1 DAY
      AND $__timeFilter(calendar.begins)
      AND $__unixEpochTo() - $__unixEpochFrom() > 2678400
    GROUP BY calendar.begins, idDevice
  ) AS mean
) AS point
JOIN number AS gap ON gap.n = 0 OR (gap.n = 1 AND point.ends)
