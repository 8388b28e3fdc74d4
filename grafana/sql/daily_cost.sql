-- Cost of each appliance on each local day that the range touches, at that day's prices, without fixed costs, in
-- the household's currency. NULL where a price is missing.
SELECT
  UNIX_TIMESTAMP(calendar.begins) AS time,
  device.nome AS metric,
  IF(COUNT(*) = COUNT(day_price.price_kwh),
    SUM(daily.a_s * rating.w_per_a * day_price.price_kwh) / 3600000, NULL) AS value
FROM daily
JOIN calendar ON calendar.day = daily.day AND calendar.ends > $__timeFrom() AND calendar.begins <= $__timeTo()
JOIN device ON device.idDevice = daily.idDevice
JOIN rating
  ON rating.idDevice = daily.idDevice AND rating.begins <= calendar.begins AND rating.ends > calendar.begins
LEFT JOIN day_price ON day_price.day = daily.day AND day_price.band = daily.band
WHERE daily.day BETWEEN DATE($__timeFrom()) - INTERVAL 1 DAY AND DATE($__timeTo()) + INTERVAL 1 DAY
GROUP BY calendar.begins, device.idDevice, device.nome
ORDER BY time, device.idDevice
