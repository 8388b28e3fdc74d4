-- Wh of each appliance on each local day that the range touches, whole days.
SELECT
  UNIX_TIMESTAMP(calendar.begins) AS time,
  device.nome AS metric,
  SUM(daily.a_s) * rating.w_per_a / 3600 AS value
FROM daily
JOIN calendar ON calendar.day = daily.day AND calendar.ends > $__timeFrom() AND calendar.begins <= $__timeTo()
JOIN device ON device.idDevice = daily.idDevice
JOIN rating
  ON rating.idDevice = daily.idDevice AND rating.begins <= calendar.begins AND rating.ends > calendar.begins
WHERE daily.day BETWEEN DATE($__timeFrom()) - INTERVAL 1 DAY AND DATE($__timeTo()) + INTERVAL 1 DAY
GROUP BY calendar.begins, device.idDevice, device.nome, rating.w_per_a
ORDER BY time, device.idDevice
