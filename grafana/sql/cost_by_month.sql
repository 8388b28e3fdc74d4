-- Wh and cost of all monitored appliances in each month of the range, by its local days, and the fixed cost of the
-- days of that month that the range touches and that have begun.
SELECT
  DATE_FORMAT(used.day, '%Y-%m') AS month,
  SUM(used.wh) AS wh,
  IF(SUM(used.unpriced) = 0, SUM(used.cost), NULL) AS cost,
  SUM(used.fixed) AS fixed_cost
FROM (
  SELECT
    calendar.day,
    COALESCE(SUM(daily.a_s * rating.w_per_a) / 3600, 0) AS wh,
    COALESCE(SUM(daily.a_s * rating.w_per_a * day_price.price_kwh) / 3600000, 0) AS cost,
    COUNT(daily.idDevice) - COUNT(day_price.price_kwh) AS unpriced,
    day_fixed.fixed
  FROM calendar
  LEFT JOIN (
    SELECT day, band, idDevice, a_s
    FROM daily
    WHERE day BETWEEN DATE($__timeFrom()) - INTERVAL 1 DAY AND DATE($__timeTo()) + INTERVAL 1 DAY
  ) AS daily ON daily.day = calendar.day
  LEFT JOIN rating
    ON rating.idDevice = daily.idDevice AND rating.begins <= calendar.begins AND rating.ends > calendar.begins
  LEFT JOIN day_price ON day_price.day = daily.day AND day_price.band = daily.band
  LEFT JOIN day_fixed ON day_fixed.day = calendar.day
  WHERE calendar.ends > $__timeFrom() AND calendar.begins <= $__timeTo() AND calendar.begins < CURRENT_TIMESTAMP
  GROUP BY calendar.day, day_fixed.fixed
) AS used
GROUP BY DATE_FORMAT(used.day, '%Y-%m')
ORDER BY month
