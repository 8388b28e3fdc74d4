-- Wh and cost of each appliance over the local days that the range touches, without fixed costs, and the % of those
-- days, from its first one on, for which it was measured; today up to now.
SELECT
  device.nome AS appliance,
  used.wh,
  LEAST(100, 100 * used.cov_s / due.due_s) AS coverage_percent,
  used.cost
FROM (
  SELECT
    daily.idDevice,
    SUM(daily.a_s * rating.w_per_a) / 3600 AS wh,
    SUM(daily.cov_s) AS cov_s,
    IF(COUNT(*) = COUNT(day_price.price_kwh),
      SUM(daily.a_s * rating.w_per_a * day_price.price_kwh) / 3600000, NULL) AS cost
  FROM daily
  JOIN calendar ON calendar.day = daily.day AND calendar.ends > $__timeFrom() AND calendar.begins <= $__timeTo()
  JOIN rating
    ON rating.idDevice = daily.idDevice AND rating.begins <= calendar.begins AND rating.ends > calendar.begins
  LEFT JOIN day_price ON day_price.day = daily.day AND day_price.band = daily.band
  WHERE daily.day BETWEEN DATE($__timeFrom()) - INTERVAL 1 DAY AND DATE($__timeTo()) + INTERVAL 1 DAY
  GROUP BY daily.idDevice
) AS used
JOIN device ON device.idDevice = used.idDevice
LEFT JOIN (
  SELECT
    known.idDevice,
    SUM(TIMESTAMPDIFF(SECOND, calendar.begins, LEAST(calendar.ends, CURRENT_TIMESTAMP))) AS due_s
  FROM calendar
  JOIN (SELECT idDevice, MIN(first_seen) AS since FROM box GROUP BY idDevice) AS known ON known.since < calendar.ends
  WHERE calendar.ends > $__timeFrom() AND calendar.begins <= $__timeTo() AND calendar.begins < CURRENT_TIMESTAMP
  GROUP BY known.idDevice
) AS due ON due.idDevice = used.idDevice
ORDER BY used.wh DESC
