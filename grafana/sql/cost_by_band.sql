-- Wh and cost in each band (F1, F2, F3; an empty name without bands) over the local days that the range touches.
SELECT
  band.name AS band,
  SUM(daily.a_s * rating.w_per_a) / 3600 AS wh,
  IF(COUNT(*) = COUNT(day_price.price_kwh),
    SUM(daily.a_s * rating.w_per_a * day_price.price_kwh) / 3600000, NULL) AS cost
FROM daily
JOIN calendar ON calendar.day = daily.day AND calendar.ends > $__timeFrom() AND calendar.begins <= $__timeTo()
JOIN band ON band.band = daily.band
JOIN rating
  ON rating.idDevice = daily.idDevice AND rating.begins <= calendar.begins AND rating.ends > calendar.begins
LEFT JOIN day_price ON day_price.day = daily.day AND day_price.band = daily.band
WHERE daily.day BETWEEN DATE($__timeFrom()) - INTERVAL 1 DAY AND DATE($__timeTo()) + INTERVAL 1 DAY
GROUP BY band.band, band.name
ORDER BY band.name
