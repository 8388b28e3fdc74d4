-- % of each local day that the range touches for which each appliance was measured, from its first day on; today
-- up to now.
SELECT
  UNIX_TIMESTAMP(calendar.begins) AS time,
  device.nome AS metric,
  LEAST(100, 100 * COALESCE(measured.cov_s, 0)
    / TIMESTAMPDIFF(SECOND, calendar.begins, LEAST(calendar.ends, CURRENT_TIMESTAMP))) AS value
FROM calendar
JOIN (SELECT idDevice, MIN(first_seen) AS since FROM box GROUP BY idDevice) AS known
  ON known.since < calendar.ends
JOIN device ON device.idDevice = known.idDevice
LEFT JOIN (
  SELECT day, idDevice, SUM(cov_s) AS cov_s
  FROM daily
  WHERE day BETWEEN DATE($__timeFrom()) - INTERVAL 1 DAY AND DATE($__timeTo()) + INTERVAL 1 DAY
  GROUP BY day, idDevice
) AS measured ON measured.day = calendar.day AND measured.idDevice = known.idDevice
WHERE calendar.ends > $__timeFrom() AND calendar.begins <= $__timeTo() AND calendar.begins < CURRENT_TIMESTAMP
ORDER BY time, device.idDevice
