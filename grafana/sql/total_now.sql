-- W now: of each box the latest reading, if at most 35 s old, times the rating valid now. One definition for the
-- gauge and the overload alert. NULL when no box reports: that is no 0 W.
SELECT SUM(latest.sensorData * rating.w_per_a) AS total_w
FROM (
  SELECT idDevice, sensorData, ROW_NUMBER() OVER (PARTITION BY mac ORDER BY updated_at DESC) AS place
  FROM reading
  WHERE updated_at >= CURRENT_TIMESTAMP - INTERVAL 35 SECOND
) AS latest
JOIN rating
  ON rating.idDevice = latest.idDevice
  AND rating.begins <= CURRENT_TIMESTAMP AND rating.ends > CURRENT_TIMESTAMP
WHERE latest.place = 1
