-- Standby of one appliance: its mean W over the hours of the range in which it never drew more than 20 W, what that
-- comes to in a year in Wh and at the present prices, and the W of one count of each sensor: what a box cannot see.
SELECT
  SUM(quiet.a_s * rating.w_per_a) / SUM(quiet.cov_s) AS standby_w,
  COUNT(*) AS quiet_hours,
  SUM(quiet.a_s * rating.w_per_a) / SUM(quiet.cov_s) * 8760 AS wh_year,
  SUM(quiet.a_s * rating.w_per_a) / SUM(quiet.cov_s) * 8.76 * MAX(price.mean_kwh) AS cost_year,
  0.027 * MAX(rating.w_per_a) AS floor_05b_w,
  0.050 * MAX(rating.w_per_a) AS floor_20a_w,
  0.075 * MAX(rating.w_per_a) AS floor_30a_w
FROM calendar
JOIN number ON number.n < 25 AND number.n * 3600 < TIMESTAMPDIFF(SECOND, calendar.begins, calendar.ends)
JOIN rollup_60 AS quiet
  ON quiet.bucket = FROM_UNIXTIME(UNIX_TIMESTAMP(calendar.begins) DIV 3600 * 3600 + number.n * 3600)
  AND quiet.idDevice = ${device}
JOIN rating
  ON rating.idDevice = ${device} AND rating.begins <= calendar.begins AND rating.ends > calendar.begins
LEFT JOIN (
  SELECT
    SUM(day_price.price_kwh * TIMESTAMPDIFF(SECOND, tariff_slot.begins, tariff_slot.ends))
      / SUM(TIMESTAMPDIFF(SECOND, tariff_slot.begins, tariff_slot.ends)) AS mean_kwh
  FROM tariff_slot
  JOIN day_price ON day_price.day = tariff_slot.day AND day_price.band = tariff_slot.band
  WHERE tariff_slot.begins BETWEEN CURRENT_TIMESTAMP - INTERVAL 7 DAY AND CURRENT_TIMESTAMP
) AS price ON TRUE
WHERE calendar.ends > $__timeFrom() AND calendar.begins <= $__timeTo()
  AND quiet.a_max * rating.w_per_a <= 20
HAVING quiet_hours > 0
