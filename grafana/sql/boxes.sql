-- One row per box: what is last known of it, readings of the last minute, % of the last 24 full hours covered, and
-- what the hub counted since its daemon started. `silent_s` are seconds since its last stored reading; the table `box`
-- may be a minute behind.
SELECT
  CONCAT_WS(':',
    SUBSTRING(HEX(box.mac), 1, 2), SUBSTRING(HEX(box.mac), 3, 2), SUBSTRING(HEX(box.mac), 5, 2),
    SUBSTRING(HEX(box.mac), 7, 2), SUBSTRING(HEX(box.mac), 9, 2), SUBSTRING(HEX(box.mac), 11, 2)
  ) AS box,
  COALESCE(device.nome, CONCAT('? ', box.idDevice)) AS appliance,
  UNIX_TIMESTAMP(COALESCE(minute.newest, box.last_seen)) * 1000 AS last_seen,
  TIMESTAMPDIFF(SECOND, COALESCE(minute.newest, box.last_seen), CURRENT_TIMESTAMP) AS silent_s,
  box.rssi,
  box.firmware,
  COALESCE(minute.readings, 0) AS packets_per_minute,
  LEAST(100, 100 * COALESCE(hours.cov_s, 0) / 86400) AS coverage_percent,
  box_report.resent,
  box_report.refused,
  box_report.missing,
  box_report.lost,
  box.boots,
  box.clipped,
  box.calibrated
FROM box
LEFT JOIN device ON device.idDevice = box.idDevice
LEFT JOIN box_report ON box_report.mac = box.mac
LEFT JOIN (
  SELECT mac, COUNT(*) AS readings, MAX(updated_at) AS newest
  FROM reading
  WHERE updated_at > CURRENT_TIMESTAMP - INTERVAL 60 SECOND
  GROUP BY mac
) AS minute ON minute.mac = box.mac
LEFT JOIN (
  SELECT mac, SUM(cov_s) AS cov_s
  FROM rollup_60
  WHERE bucket >= FROM_UNIXTIME(UNIX_TIMESTAMP() DIV 3600 * 3600 - 86400)
    AND bucket < FROM_UNIXTIME(UNIX_TIMESTAMP() DIV 3600 * 3600)
  GROUP BY mac
) AS hours ON hours.mac = box.mac
ORDER BY box.mac
