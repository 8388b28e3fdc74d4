-- % of the ended days of each week (Monday to Sunday) that the range touches for which each appliance was measured, from
-- its first day on.
SELECT
  UNIX_TIMESTAMP(MIN(day.week_begins)) AS time,
  device.nome AS metric,
  LEAST(100, 100 * SUM(COALESCE(measured.cov_s, 0)) / SUM(day.length_s)) AS value
FROM (
  SELECT
    calendar.day, calendar.ends, monday.begins AS week_begins,
    TIMESTAMPDIFF(SECOND, calendar.begins, calendar.ends) AS length_s
  FROM calendar
  JOIN calendar AS monday ON monday.day = calendar.day - INTERVAL WEEKDAY(calendar.day) DAY
  WHERE calendar.ends > $__timeFrom() AND calendar.begins <= $__timeTo() AND calendar.ends <= CURRENT_TIMESTAMP
) AS day
JOIN (SELECT idDevice, MIN(first_seen) AS since FROM box GROUP BY idDevice) AS known ON known.since < day.ends
JOIN device ON device.idDevice = known.idDevice
LEFT JOIN (
  SELECT day, idDevice, SUM(cov_s) AS cov_s
  FROM daily
  WHERE day BETWEEN DATE($__timeFrom()) - INTERVAL 1 DAY AND DATE($__timeTo()) + INTERVAL 1 DAY
  GROUP BY day, idDevice
) AS measured ON measured.day = day.day AND measured.idDevice = known.idDevice
GROUP BY day.week_begins, device.idDevice, device.nome
ORDER BY time, device.idDevice
