-- % of each local day that the range touches for which one appliance was measured, from its first day on; today up
-- to now.
SELECT
  UNIX_TIMESTAMP(calendar.begins) AS time,
  device.nome AS metric,
  LEAST(100, 100 * COALESCE(measured.cov_s, 0)
    / TIMESTAMPDIFF(SECOND, calendar.begins, LEAST(calendar.ends, CURRENT_TIMESTAMP))) AS value
FROM calendar
JOIN device ON device.idDevice = ${device}
JOIN (SELECT MIN(first_seen) AS since FROM box WHERE idDevice = ${device}) AS known ON known.since < calendar.ends
LEFT JOIN (
  SELECT day, SUM(cov_s) AS cov_s
  FROM daily
  WHERE day BETWEEN DATE($__timeFrom()) - INTERVAL 1 DAY AND DATE($__timeTo()) + INTERVAL 1 DAY
    AND idDevice = ${device}
  GROUP BY day
) AS measured ON measured.day = calendar.day
WHERE calendar.ends > $__timeFrom() AND calendar.begins <= $__timeTo() AND calendar.begins < CURRENT_TIMESTAMP
ORDER BY time
