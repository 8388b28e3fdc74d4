-- Today, this week and this month against the same elapsed part of the one before, all monitored appliances: Wh,
-- cost, and the % of the appliances' time that was measured, of each from its first day on. The day before's part ends
-- at the same time since midnight, to the second; within the quarter of an hour that it cuts, current is taken as
-- even. A longer month is compared with the whole shorter one. The colour is for a Wh that stands alone: below 95 %
-- and below 50 % it is too low.
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
  due AS (
    SELECT
      calendar.day, COUNT(*) AS appliances,
      COUNT(*) * TIMESTAMPDIFF(SECOND, calendar.begins, LEAST(calendar.ends, CURRENT_TIMESTAMP)) AS due_s
    FROM calendar
    JOIN (SELECT idDevice, MIN(first_seen) AS since FROM box GROUP BY idDevice) AS known ON known.since < calendar.ends
    JOIN device ON device.idDevice = known.idDevice
    WHERE calendar.day >= DATE(CURRENT_TIMESTAMP) - INTERVAL 64 DAY AND calendar.begins <= CURRENT_TIMESTAMP
    GROUP BY calendar.day, calendar.begins, calendar.ends
  ),
  quarter AS (
    SELECT
      period.period, calendar.day, calendar.begins, rollup_15.bucket, rollup_15.idDevice,
      SUM(rollup_15.a_s) * LEAST(1, period.elapsed_s / 900 - number.n) AS a_s,
      AVG(rollup_15.cov_s) * LEAST(1, period.elapsed_s / 900 - number.n) AS cov_s
    FROM period
    JOIN calendar ON calendar.day = period.cut_day AND period.cut_day < period.first_day
    JOIN number ON number.n * 900 < period.elapsed_s AND number.n * 900 < TIMESTAMPDIFF(SECOND, calendar.begins, calendar.ends)
    JOIN rollup_15 ON rollup_15.bucket = calendar.begins + INTERVAL number.n * 15 MINUTE
    GROUP BY period.period, period.elapsed_s, calendar.day, calendar.begins, number.n, rollup_15.bucket, rollup_15.idDevice
  ),
  cut AS (
    SELECT
      quarter.period,
      SUM(quarter.a_s * rating.w_per_a) / 3600 AS wh,
      SUM(quarter.a_s * rating.w_per_a * day_price.price_kwh) / 3600000 AS cost,
      COUNT(*) - COUNT(day_price.price_kwh) AS unpriced,
      SUM(quarter.cov_s) AS cov_s
    FROM quarter
    JOIN rating
      ON rating.idDevice = quarter.idDevice AND rating.begins <= quarter.begins AND rating.ends > quarter.begins
    JOIN tariff_slot
      ON tariff_slot.day = quarter.day
      AND tariff_slot.begins <= quarter.bucket AND tariff_slot.ends > quarter.bucket
    LEFT JOIN day_price ON day_price.day = quarter.day AND day_price.band = tariff_slot.band
    GROUP BY quarter.period
  ),
  compared AS (
    SELECT
      period.period, period.place,
      SUM(IF(date.day >= period.first_day, COALESCE(used.wh, 0), 0)) AS wh,
      SUM(IF(date.day < period.cut_day, COALESCE(used.wh, 0), 0)) + COALESCE(MAX(cut.wh), 0) AS wh_before,
      IF(SUM(IF(date.day >= period.first_day, COALESCE(used.unpriced, 0), 0)) = 0,
        SUM(IF(date.day >= period.first_day, COALESCE(used.cost, 0), 0)), NULL) AS cost,
      IF(SUM(IF(date.day < period.cut_day, COALESCE(used.unpriced, 0), 0)) + COALESCE(MAX(cut.unpriced), 0) = 0,
        SUM(IF(date.day < period.cut_day, COALESCE(used.cost, 0), 0)) + COALESCE(MAX(cut.cost), 0), NULL) AS cost_before,
      LEAST(100, 100 * SUM(IF(date.day >= period.first_day, COALESCE(used.cov_s, 0), 0))
        / NULLIF(SUM(IF(date.day >= period.first_day, COALESCE(due.due_s, 0), 0)), 0)) AS coverage_percent,
      LEAST(100, 100 * (SUM(IF(date.day < period.cut_day, COALESCE(used.cov_s, 0), 0)) + COALESCE(MAX(cut.cov_s), 0))
        / NULLIF(SUM(CASE
          WHEN date.day < period.cut_day THEN COALESCE(due.due_s, 0)
          WHEN date.day = period.cut_day AND period.cut_day < period.first_day THEN COALESCE(
            due.appliances * LEAST(period.elapsed_s, TIMESTAMPDIFF(SECOND, date.begins, date.ends)), 0)
          ELSE 0
        END), 0)) AS coverage_before_percent
    FROM period
    JOIN calendar AS date ON date.day >= period.first_before AND date.day <= period.last_day
    LEFT JOIN used ON used.day = date.day
    LEFT JOIN due ON due.day = date.day
    LEFT JOIN cut ON cut.period = period.period
    GROUP BY period.period, period.place
  )
SELECT
  period, wh, coverage_percent, cost, wh_before, coverage_before_percent, cost_before,
  CASE WHEN coverage_percent < 50 THEN 'red' WHEN coverage_percent < 95 THEN 'orange' ELSE 'text' END AS colour
FROM compared
ORDER BY place
