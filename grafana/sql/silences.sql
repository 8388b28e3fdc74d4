-- How long each box was silent over the whole quarters of an hour of the range, from its first reading on: quarters
-- without any, the longest run of them, and when that began. Boxes without one have no row.
SELECT
  CONCAT_WS(':',
    SUBSTRING(HEX(silence.mac), 1, 2), SUBSTRING(HEX(silence.mac), 3, 2), SUBSTRING(HEX(silence.mac), 5, 2),
    SUBSTRING(HEX(silence.mac), 7, 2), SUBSTRING(HEX(silence.mac), 9, 2), SUBSTRING(HEX(silence.mac), 11, 2)
  ) AS box,
  MAX(device.nome) AS appliance,
  COUNT(*) AS silences,
  SUM(silence.minutes) AS minutes,
  MAX(silence.minutes) AS longest_minutes,
  UNIX_TIMESTAMP(MAX(IF(silence.place = 1, silence.begins, NULL))) * 1000 AS longest_begins
FROM (
  SELECT
    mac, begins, TIMESTAMPDIFF(MINUTE, begins, ends) AS minutes,
    ROW_NUMBER() OVER (PARTITION BY mac ORDER BY TIMESTAMPDIFF(MINUTE, begins, ends) DESC, begins) AS place
  FROM (
    SELECT mac, LAG(bucket) OVER (PARTITION BY mac ORDER BY bucket) + INTERVAL 15 MINUTE AS begins, bucket AS ends
    FROM (
      SELECT mac, bucket
      FROM rollup_15
      WHERE bucket >= FROM_UNIXTIME($__unixEpochFrom() DIV 900 * 900)
        AND bucket < FROM_UNIXTIME(($__unixEpochTo() + 1) DIV 900 * 900)
      UNION ALL
      SELECT
        mac,
        FROM_UNIXTIME(GREATEST($__unixEpochFrom() DIV 900, UNIX_TIMESTAMP(first_seen) DIV 900) * 900)
          - INTERVAL 15 MINUTE
      FROM box
      WHERE first_seen < FROM_UNIXTIME(($__unixEpochTo() + 1) DIV 900 * 900)
      UNION ALL
      SELECT mac, FROM_UNIXTIME(($__unixEpochTo() + 1) DIV 900 * 900)
      FROM box
      WHERE first_seen < FROM_UNIXTIME(($__unixEpochTo() + 1) DIV 900 * 900)
    ) AS quarter
  ) AS step
  WHERE ends > begins
) AS silence
JOIN box ON box.mac = silence.mac
LEFT JOIN device ON device.idDevice = box.idDevice
GROUP BY silence.mac
ORDER BY longest_minutes DESC, box
