-- Packets per minute of each appliance: its readings of the last 60 s. A box sends 6.
SELECT device.nome AS appliance, COALESCE(minute.readings, 0) AS packets_per_minute
FROM device
LEFT JOIN (
  SELECT idDevice, COUNT(*) AS readings
  FROM reading
  WHERE updated_at > CURRENT_TIMESTAMP - INTERVAL 60 SECOND
  GROUP BY idDevice
) AS minute ON minute.idDevice = device.idDevice
ORDER BY device.idDevice
