-- The greatest W of one appliance in the range and when its hour began.
SELECT rollup_60.a_max * rating.w_per_a AS peak_w, UNIX_TIMESTAMP(rollup_60.bucket) AS time
FROM rollup_60
JOIN rating
  ON rating.idDevice = rollup_60.idDevice
  AND rating.begins <= rollup_60.bucket AND rating.ends > rollup_60.bucket
WHERE $__timeFilter(rollup_60.bucket) AND rollup_60.idDevice = ${device}
ORDER BY peak_w DESC, rollup_60.bucket
LIMIT 1
