-- Mean Wh a day of each appliance in each week (Monday to Sunday) that the range touches, over the days of that
-- week that have ended and on which it was measured.
SELECT
  UNIX_TIMESTAMP(MIN(day.week_begins)) AS time,
  device.nome AS metric,
  SUM(day.wh) / COUNT(*) AS value
FROM (
  SELECT
    daily.idDevice,
    monday.begins AS week_begins,
    SUM(daily.a_s) * rating.w_per_a / 3600 AS wh
  FROM daily
  JOIN calendar ON calendar.day = daily.day AND calendar.ends > $__timeFrom() AND calendar.begins <= $__timeTo()
    AND calendar.ends <= CURRENT_TIMESTAMP
  JOIN calendar AS monday ON monday.day = calendar.day - INTERVAL WEEKDAY(calendar.day) DAY
  JOIN rating
    ON rating.idDevice = daily.idDevice AND rating.begins <= calendar.begins AND rating.ends > calendar.begins
  WHERE daily.day BETWEEN DATE($__timeFrom()) - INTERVAL 1 DAY AND DATE($__timeTo()) + INTERVAL 1 DAY
  GROUP BY calendar.day, monday.begins, daily.idDevice, rating.w_per_a
) AS day
JOIN device ON device.idDevice = day.idDevice
GROUP BY day.week_begins, device.idDevice, device.nome
ORDER BY time, device.idDevice
