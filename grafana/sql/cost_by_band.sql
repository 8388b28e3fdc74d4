-- Wh and cost in each band (F1, F2, F3; an empty name without bands) over the local days that the range touches, and
-- the % of the appliances' time in it that was measured, of each from its first day on; today up to now.
SELECT
  band.name AS band,
  used.wh,
  LEAST(100, 100 * used.cov_s / due.due_s) AS coverage_percent,
  used.cost
FROM (
  SELECT
    daily.band,
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
  GROUP BY daily.band
) AS used
JOIN band ON band.band = used.band
LEFT JOIN (
  SELECT
    slot.band, SUM(day.appliances * TIMESTAMPDIFF(SECOND, slot.begins, LEAST(slot.ends, CURRENT_TIMESTAMP))) AS due_s
  FROM (
    SELECT calendar.day, COUNT(*) AS appliances
    FROM calendar
    JOIN (SELECT idDevice, MIN(first_seen) AS since FROM box GROUP BY idDevice) AS known ON known.since < calendar.ends
    JOIN device ON device.idDevice = known.idDevice
    WHERE calendar.ends > $__timeFrom() AND calendar.begins <= $__timeTo() AND calendar.begins < CURRENT_TIMESTAMP
    GROUP BY calendar.day
  ) AS day
  JOIN tariff_slot AS slot ON slot.day = day.day
  WHERE slot.begins < CURRENT_TIMESTAMP
  GROUP BY slot.band
) AS due ON due.band = used.band
ORDER BY band.name
