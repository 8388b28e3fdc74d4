-- Wh and cost of each appliance over the local days that the range touches, without fixed costs.
SELECT
  device.nome AS appliance,
  SUM(daily.a_s * rating.w_per_a) / 3600 AS wh,
  IF(COUNT(*) = COUNT(day_price.price_kwh),
    SUM(daily.a_s * rating.w_per_a * day_price.price_kwh) / 3600000, NULL) AS cost
FROM daily
JOIN calendar ON calendar.day = daily.day AND calendar.ends > $__timeFrom() AND calendar.begins <= $__timeTo()
JOIN device ON device.idDevice = daily.idDevice
JOIN rating
  ON rating.idDevice = daily.idDevice AND rating.begins <= calendar.begins AND rating.ends > calendar.begins
LEFT JOIN day_price ON day_price.day = daily.day AND day_price.band = daily.band
WHERE daily.day BETWEEN DATE($__timeFrom()) - INTERVAL 1 DAY AND DATE($__timeTo()) + INTERVAL 1 DAY
GROUP BY device.idDevice, device.nome
ORDER BY wh DESC
