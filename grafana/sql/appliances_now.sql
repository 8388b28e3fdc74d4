-- A and W of each appliance now, by the same definition as total_now. NULL where no box reports.
SELECT device.nome AS appliance, SUM(latest.sensorData) AS ampere, SUM(latest.sensorData * rating.w_per_a) AS watt
FROM device
LEFT JOIN (
  SELECT idDevice, sensorData, ROW_NUMBER() OVER (PARTITION BY mac ORDER BY updated_at DESC) AS place
  FROM reading
  WHERE updated_at >= CURRENT_TIMESTAMP - INTERVAL 35 SECOND
) AS latest ON latest.idDevice = device.idDevice AND latest.place = 1
LEFT JOIN rating
  ON rating.idDevice = latest.idDevice
  AND rating.begins <= CURRENT_TIMESTAMP AND rating.ends > CURRENT_TIMESTAMP
GROUP BY device.idDevice, device.nome
ORDER BY device.idDevice
