-- Minutes until the meter trips at the present load; 999 when it never does. Up to 1.1 times the contract for ever,
-- up to 4/3 of it for 180 minutes, above that for 2 (docs/alerts.md says whose figures these are). What no box
-- measures counts as the household's unmeasured_power_w. A minute without readings counts as those before it.
SELECT
  CASE
    WHEN load_now.watt <= load_now.available_w THEN 999
    WHEN load_now.watt <= load_now.tolerated_w THEN GREATEST(0, 180 - COALESCE(spent.above_available, 0))
    ELSE GREATEST(0, LEAST(2 - COALESCE(spent.above_tolerated, 0), 180 - COALESCE(spent.above_available, 0)))
  END AS minutes
FROM (
  SELECT
    COALESCE(now.total_w, 0) + household.unmeasured_power_w AS watt,
    household.contract_power_w * 1.1 AS available_w,
    household.contract_power_w * 4 / 3 AS tolerated_w
  FROM ({total_now}) AS now
  JOIN household ON household.id = 1
) AS load_now
LEFT JOIN (
  SELECT
    COALESCE(MIN(CASE WHEN minute.watt <= minute.contract_w * 1.1 THEN minute.ago END), MAX(minute.ago) + 1) AS above_available,
    COALESCE(MIN(CASE WHEN minute.watt <= minute.contract_w * 4 / 3 THEN minute.ago END), MAX(minute.ago) + 1) AS above_tolerated
  FROM (
    SELECT
      of_box.ago,
      SUM(of_box.watt) + MAX(household.unmeasured_power_w) AS watt,
      MAX(household.contract_power_w) AS contract_w
    FROM (
      SELECT
        TIMESTAMPDIFF(SECOND, reading.updated_at, CURRENT_TIMESTAMP) DIV 60 AS ago,
        reading.mac,
        AVG(reading.sensorData * rating.w_per_a) AS watt
      FROM reading
      JOIN rating
        ON rating.idDevice = reading.idDevice
        AND rating.begins <= reading.updated_at AND rating.ends > reading.updated_at
      WHERE reading.updated_at > CURRENT_TIMESTAMP - INTERVAL 182 MINUTE AND reading.updated_at <= CURRENT_TIMESTAMP
      GROUP BY ago, reading.mac
    ) AS of_box
    JOIN household ON household.id = 1
    GROUP BY of_box.ago
  ) AS minute
) AS spent ON TRUE
