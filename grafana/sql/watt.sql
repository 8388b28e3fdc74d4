-- W of each appliance over the range, means of each step; a NULL ends the line where it said nothing.
SELECT step.time, device.nome AS metric, step.ampere * rating.w_per_a AS value
FROM (
  -- include parts/steps
) AS step
JOIN device ON device.idDevice = step.idDevice
JOIN rating
  ON rating.idDevice = step.idDevice AND rating.begins <= FROM_UNIXTIME(step.t) AND rating.ends > FROM_UNIXTIME(step.t)
ORDER BY step.time
