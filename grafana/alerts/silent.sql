-- Packets of each watched appliance that has ever had a box, in the minute before the hub's newest status.
-- While nothing is stored that minute stays the same, so nobody falls silent then: that is the alert storing.
SELECT device.nome AS appliance, COUNT(reading.updated_at) AS packets_per_minute
FROM (SELECT MAX(received_at) AS at FROM hub_status) AS told
JOIN device ON device.idDevice IN ({devices}) AND device.idDevice IN (SELECT box.idDevice FROM box)
LEFT JOIN reading
  ON reading.idDevice = device.idDevice
  AND reading.updated_at > told.at - INTERVAL 60 SECOND AND reading.updated_at <= told.at
WHERE told.at IS NOT NULL
GROUP BY device.idDevice, device.nome
