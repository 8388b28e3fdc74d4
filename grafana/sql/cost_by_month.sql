-- Wh and cost of all monitored appliances in each month of the range, by its local days, the % of the appliances' time
-- that was measured, of each from its first day on, and the fixed cost, all of the days of that month that the range
-- touches and that have begun.
SELECT
  DATE_FORMAT(calendar.day, '%Y-%m') AS month,
  COALESCE(SUM(used.wh), 0) AS wh,
  LEAST(100, 100 * COALESCE(SUM(used.cov_s), 0) / SUM(due.due_s)) AS coverage_percent,
  IF(COALESCE(SUM(used.unpriced), 0) = 0, COALESCE(SUM(used.cost), 0), NULL) AS cost,
  SUM(day_fixed.fixed) AS fixed_cost
FROM calendar
LEFT JOIN (
  SELECT
    daily.day,
    SUM(daily.a_s * rating.w_per_a) / 3600 AS wh,
    SUM(daily.a_s * rating.w_per_a * day_price.price_kwh) / 3600000 AS cost,
    COUNT(*) - COUNT(day_price.price_kwh) AS unpriced,
    SUM(daily.cov_s) AS cov_s
  FROM daily
  JOIN calendar AS its ON its.day = daily.day
  JOIN rating ON rating.idDevice = daily.idDevice AND rating.begins <= its.begins AND rating.ends > its.begins
  LEFT JOIN day_price ON day_price.day = daily.day AND day_price.band = daily.band
  WHERE daily.day BETWEEN DATE($__timeFrom()) - INTERVAL 1 DAY AND DATE($__timeTo()) + INTERVAL 1 DAY
  GROUP BY daily.day
) AS used ON used.day = calendar.day
LEFT JOIN (
  SELECT
    its.day, COUNT(*) * TIMESTAMPDIFF(SECOND, its.begins, LEAST(its.ends, CURRENT_TIMESTAMP)) AS due_s
  FROM calendar AS its
  JOIN (SELECT idDevice, MIN(first_seen) AS since FROM box GROUP BY idDevice) AS known ON known.since < its.ends
  JOIN device ON device.idDevice = known.idDevice
  WHERE its.ends > $__timeFrom() AND its.begins <= $__timeTo() AND its.begins < CURRENT_TIMESTAMP
  GROUP BY its.day, its.begins, its.ends
) AS due ON due.day = calendar.day
LEFT JOIN day_fixed ON day_fixed.day = calendar.day
WHERE calendar.ends > $__timeFrom() AND calendar.begins <= $__timeTo() AND calendar.begins < CURRENT_TIMESTAMP
GROUP BY DATE_FORMAT(calendar.day, '%Y-%m')
ORDER BY month
