-- 1 in the quarter of an hour after an appliance has finished, 0 otherwise: it drew on_w or more for run_s in all
-- within the last three hours, and off_w or less since quiet_s.
-- No row while its box is silent: nobody knows then whether it still runs.
SELECT
  COALESCE(
    run.ran_s >= {run_s} AND TIMESTAMPDIFF(SECOND, run.last_on, CURRENT_TIMESTAMP) BETWEEN {quiet_s} AND {quiet_s} + {hold_s},
    0
  ) AS finished
FROM (
  SELECT
    MAX(CASE WHEN reading.sensorData * rating.w_per_a > {off_w} THEN reading.updated_at END) AS last_on,
    10 * SUM(reading.sensorData * rating.w_per_a >= {on_w}) AS ran_s,
    MAX(reading.updated_at) AS newest
  FROM reading
  JOIN rating
    ON rating.idDevice = reading.idDevice
    AND rating.begins <= reading.updated_at AND rating.ends > reading.updated_at
  WHERE reading.idDevice IN ({devices})
    AND reading.updated_at > CURRENT_TIMESTAMP - INTERVAL 3 HOUR AND reading.updated_at <= CURRENT_TIMESTAMP
) AS run
WHERE run.newest > CURRENT_TIMESTAMP - INTERVAL 60 SECOND
