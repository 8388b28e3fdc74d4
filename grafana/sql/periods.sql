-- Today, this week and this month against the same elapsed part of the one before, all monitored appliances: Wh
-- and cost. The day before's part ends at the same time since midnight, to the second; within the
-- quarter of an hour that it cuts, current is taken as even. A longer month is compared with the whole shorter one.
WITH
  today AS (
    SELECT day, TIMESTAMPDIFF(SECOND, begins, CURRENT_TIMESTAMP) AS elapsed_s
    FROM calendar
    WHERE begins <= CURRENT_TIMESTAMP AND ends > CURRENT_TIMESTAMP
  ),
  period AS (
    SELECT 'day' AS period, 1 AS place, day AS first_day, day - INTERVAL 1 DAY AS first_before,
      day - INTERVAL 1 DAY AS cut_day, day AS last_day, elapsed_s
    FROM today
    UNION ALL
    SELECT 'week', 2, day - INTERVAL WEEKDAY(day) DAY, day - INTERVAL WEEKDAY(day) + 7 DAY,
      day - INTERVAL 7 DAY, day, elapsed_s
    FROM today
    UNION ALL
    SELECT 'month', 3, day - INTERVAL DAYOFMONTH(day) - 1 DAY,
      day - INTERVAL DAYOFMONTH(day) - 1 DAY - INTERVAL 1 MONTH,
      LEAST(
        day - INTERVAL DAYOFMONTH(day) - 1 DAY - INTERVAL 1 MONTH + INTERVAL DAYOFMONTH(day) - 1 DAY,
        day - INTERVAL DAYOFMONTH(day) - 1 DAY
      ),
      day, elapsed_s
    FROM today
  ),
  used AS (
    SELECT
      daily.day,
      SUM(daily.a_s * rating.w_per_a) / 3600 AS wh,
      SUM(daily.a_s * rating.w_per_a * day_price.price_kwh) / 3600000 AS cost,
      COUNT(*) - COUNT(day_price.price_kwh) AS unpriced,
      SUM(daily.cov_s) AS cov_s
    FROM daily
    JOIN calendar ON calendar.day = daily.day
    JOIN rating
      ON rating.idDevice = daily.idDevice AND rating.begins <= calendar.begins AND rating.ends > calendar.begins
    LEFT JOIN day_price ON day_price.day = daily.day AND day_price.band = daily.band
    WHERE daily.day >= DATE(CURRENT_TIMESTAMP) - INTERVAL 64 DAY
    GROUP BY daily.day
  ),
  cut AS (
    SELECT
      period.period,
      SUM(rollup_15.a_s * rating.w_per_a * LEAST(1, period.elapsed_s / 900 - number.n)) / 3600 AS wh,
      SUM(rollup_15.a_s * rating.w_per_a * LEAST(1, period.elapsed_s / 900 - number.n) * day_price.price_kwh)
        / 3600000 AS cost,
      COUNT(*) - COUNT(day_price.price_kwh) AS unpriced
    FROM period
    JOIN calendar ON calendar.day = period.cut_day AND period.cut_day < period.first_day
    JOIN number ON number.n * 900 < period.elapsed_s AND number.n * 900 < TIMESTAMPDIFF(SECOND, calendar.begins, calendar.ends)
    JOIN rollup_15 ON rollup_15.bucket = calendar.begins + INTERVAL number.n * 15 MINUTE
    JOIN rating
      ON rating.idDevice = rollup_15.idDevice
      AND rating.begins <= calendar.begins AND rating.ends > calendar.begins
    JOIN tariff_slot
      ON tariff_slot.day = calendar.day
      AND tariff_slot.begins <= rollup_15.bucket AND tariff_slot.ends > rollup_15.bucket
    LEFT JOIN day_price ON day_price.day = calendar.day AND day_price.band = tariff_slot.band
    GROUP BY period.period
  )
SELECT
  period.period,
  SUM(IF(used.day >= period.first_day, used.wh, 0)) AS wh,
  SUM(IF(used.day < period.cut_day, used.wh, 0)) + COALESCE(MAX(cut.wh), 0) AS wh_before,
  IF(SUM(IF(used.day >= period.first_day, used.unpriced, 0)) = 0,
    SUM(IF(used.day >= period.first_day, used.cost, 0)), NULL) AS cost,
  IF(SUM(IF(used.day < period.cut_day, used.unpriced, 0)) + COALESCE(MAX(cut.unpriced), 0) = 0,
    SUM(IF(used.day < period.cut_day, used.cost, 0)) + COALESCE(MAX(cut.cost), 0), NULL) AS cost_before
FROM period
LEFT JOIN used ON used.day >= period.first_before AND used.day <= period.last_day
LEFT JOIN cut ON cut.period = period.period
GROUP BY period.period, period.place
ORDER BY period.place
