-- A of each appliance over the range, means of each step; a NULL ends the line where it said nothing.
SELECT step.time, device.nome AS metric, step.ampere AS value
FROM (
  -- include parts/steps
) AS step
JOIN device ON device.idDevice = step.idDevice
ORDER BY step.time
