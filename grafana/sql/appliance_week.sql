-- Mean W of one appliance by day of the week (0 is Monday) and local hour over the days that begin in the range.
-- The two days of the year that have no 24 hours are left out, so that an hour is the clock's hour.
SELECT
  WEEKDAY(calendar.day) AS weekday,
  CONCAT(LPAD(number.n, 2, '0'), ':00') AS hour,
  SUM(rollup_60.a_s * rating.w_per_a) / SUM(rollup_60.cov_s) AS mean_w
FROM calendar
JOIN number ON number.n < 24
JOIN rollup_60
  ON rollup_60.bucket = FROM_UNIXTIME(UNIX_TIMESTAMP(calendar.begins) DIV 3600 * 3600 + number.n * 3600)
  AND rollup_60.idDevice = ${device}
JOIN rating
  ON rating.idDevice = ${device} AND rating.begins <= calendar.begins AND rating.ends > calendar.begins
WHERE $__timeFilter(calendar.begins) AND TIMESTAMPDIFF(SECOND, calendar.begins, calendar.ends) = 86400
GROUP BY weekday, hour
ORDER BY weekday, hour
