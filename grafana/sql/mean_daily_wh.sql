-- Mean Wh a day of each appliance over the local days of the range that have ended and on which it was measured,
-- and the % of those days for which it was.
SELECT
  device.nome AS appliance,
  SUM(day.wh) / COUNT(*) AS mean_wh,
  COUNT(*) AS days,
  LEAST(100, 100 * SUM(day.cov_s) / SUM(day.length_s)) AS coverage_percent
FROM (
  SELECT
    daily.idDevice,
    SUM(daily.a_s) * rating.w_per_a / 3600 AS wh,
    SUM(daily.cov_s) AS cov_s,
    TIMESTAMPDIFF(SECOND, calendar.begins, calendar.ends) AS length_s
  FROM daily
  JOIN calendar ON calendar.day = daily.day AND calendar.ends > $__timeFrom() AND calendar.begins <= $__timeTo()
    AND calendar.ends <= CURRENT_TIMESTAMP
  JOIN rating
    ON rating.idDevice = daily.idDevice AND rating.begins <= calendar.begins AND rating.ends > calendar.begins
  WHERE daily.day BETWEEN DATE($__timeFrom()) - INTERVAL 1 DAY AND DATE($__timeTo()) + INTERVAL 1 DAY
  GROUP BY calendar.begins, calendar.ends, daily.idDevice, rating.w_per_a
) AS day
JOIN device ON device.idDevice = day.idDevice
GROUP BY device.idDevice, device.nome
ORDER BY device.idDevice
