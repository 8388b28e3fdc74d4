-- Boxes that send an appliance the household does not have, and how many readings wait for it.
SELECT
  CONCAT_WS(':',
    SUBSTRING(HEX(mac), 1, 2), SUBSTRING(HEX(mac), 3, 2), SUBSTRING(HEX(mac), 5, 2),
    SUBSTRING(HEX(mac), 7, 2), SUBSTRING(HEX(mac), 9, 2), SUBSTRING(HEX(mac), 11, 2)
  ) AS box,
  idDevice AS appliance_id,
  COUNT(*) AS readings,
  UNIX_TIMESTAMP(MIN(updated_at)) * 1000 AS first,
  UNIX_TIMESTAMP(MAX(updated_at)) * 1000 AS last
FROM quarantine
GROUP BY idDevice, mac
ORDER BY mac, idDevice
