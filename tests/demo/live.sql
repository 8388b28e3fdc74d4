-- One row per appliance: the latest reading at most 35 s old, today's Wh (local day), readings of the last minute.
SELECT
    d.idDevice,
    d.nome,
    latest.sensorData AS amps,
    latest.sensorData * rating.voltage_v * rating.power_factor AS watts,
    COALESCE(today.wh, 0) AS wh_today,
    COALESCE(minute.readings, 0) AS readings_per_minute,
    TIMESTAMPDIFF(SECOND, seen.last_seen, CURRENT_TIMESTAMP) AS seconds_ago
FROM device AS d
JOIN device_rating AS rating
    ON rating.idDevice = d.idDevice
    AND rating.valid_from = (
        SELECT MAX(r.valid_from) FROM device_rating AS r
        WHERE r.idDevice = d.idDevice AND r.valid_from <= CURRENT_TIMESTAMP
    )
LEFT JOIN (
    SELECT idDevice, MAX(updated_at) AS last_seen FROM {data_table}
    WHERE updated_at >= CURRENT_TIMESTAMP - INTERVAL 1 HOUR
    GROUP BY idDevice
) AS seen ON seen.idDevice = d.idDevice
LEFT JOIN (
    SELECT idDevice, updated_at, SUM(sensorData) AS sensorData FROM {data_table}
    WHERE updated_at >= CURRENT_TIMESTAMP - INTERVAL 35 SECOND
    GROUP BY idDevice, updated_at
) AS latest ON latest.idDevice = d.idDevice AND latest.updated_at = seen.last_seen
LEFT JOIN (
    SELECT idDevice, COUNT(*) AS readings FROM {data_table}
    WHERE updated_at > CURRENT_TIMESTAMP - INTERVAL 60 SECOND
    GROUP BY idDevice
) AS minute ON minute.idDevice = d.idDevice
LEFT JOIN (
    SELECT roll.idDevice, SUM(roll.a_s * rate.voltage_v * rate.power_factor) / 3600 AS wh
    FROM calendar AS c
    JOIN {rollup_table} AS roll ON roll.res = 15 AND roll.bucket >= c.begins AND roll.bucket < c.ends
    JOIN device_rating AS rate
        ON rate.idDevice = roll.idDevice
        AND rate.valid_from = (
            SELECT MAX(r.valid_from) FROM device_rating AS r
            WHERE r.idDevice = roll.idDevice AND r.valid_from <= roll.bucket
        )
    WHERE c.begins <= CURRENT_TIMESTAMP AND c.ends > CURRENT_TIMESTAMP
    GROUP BY roll.idDevice
) AS today ON today.idDevice = d.idDevice
ORDER BY d.idDevice
