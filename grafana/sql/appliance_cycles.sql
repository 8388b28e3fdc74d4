-- The latest 100 runs of one appliance: start, length, Wh, cost at the price of the start, peak. It runs while it
-- draws more than 20 W, which is above what any box can take for nothing. Ranges up to 6 hours are read from the
-- readings and pauses up to 5 minutes belong to the run; longer ranges are read from quarters of an hour, in which
-- a run starts and ends to the quarter and a pause up to one quarter belongs to it. Of ranges longer than 31 days
-- it is the last 31 days that are looked at.
SELECT
  UNIX_TIMESTAMP(run.starts) AS time,
  run.length_s / 60 AS minutes,
  run.wh,
  run.wh * day_price.price_kwh / 1000 AS cost,
  run.peak_w
FROM (
  SELECT
    MIN(starts) AS starts,
    TIMESTAMPDIFF(SECOND, MIN(starts), MAX(ends)) AS length_s,
    SUM(wh) AS wh,
    MAX(peak_w) AS peak_w
  FROM (
    SELECT starts, ends, wh, peak_w, SUM(first) OVER (ORDER BY starts) AS number
    FROM (
      SELECT
        starts, ends, wh, peak_w,
        COALESCE(TIMESTAMPDIFF(SECOND, LAG(ends) OVER (ORDER BY starts), starts) > pause_s, TRUE) AS first
      FROM (
        SELECT
          sample.updated_at - INTERVAL sample.length_s SECOND AS starts, sample.updated_at AS ends,
          SUM(sample.sensorData * sample.length_s * rating.w_per_a) / 3600 AS wh,
          SUM(sample.sensorData * rating.w_per_a) AS peak_w,
          300 AS pause_s
        FROM (
          SELECT
            updated_at, sensorData,
            CASE
              WHEN TIMESTAMPDIFF(SECOND, LAG(updated_at) OVER (PARTITION BY mac ORDER BY updated_at), updated_at) <= 30
                THEN TIMESTAMPDIFF(SECOND, LAG(updated_at) OVER (PARTITION BY mac ORDER BY updated_at), updated_at)
              ELSE 10
            END AS length_s
          FROM reading
          WHERE $__timeFilter(updated_at) AND idDevice = ${device}
            AND $__unixEpochTo() - $__unixEpochFrom() <= 21600
        ) AS sample
        JOIN rating
          ON rating.idDevice = ${device}
          AND rating.begins <= sample.updated_at AND rating.ends > sample.updated_at
        GROUP BY sample.updated_at, sample.length_s
        HAVING peak_w > 20
        UNION ALL
        SELECT
          rollup_15.bucket, rollup_15.bucket + INTERVAL 15 MINUTE,
          SUM(rollup_15.a_s * rating.w_per_a) / 3600,
          SUM(rollup_15.a_max * rating.w_per_a) AS peak_w,
          900
        FROM rollup_15
        JOIN rating
          ON rating.idDevice = ${device}
          AND rating.begins <= rollup_15.bucket AND rating.ends > rollup_15.bucket
        WHERE rollup_15.bucket BETWEEN
            FROM_UNIXTIME(GREATEST($__unixEpochFrom(), $__unixEpochTo() - 2678400)) AND $__timeTo()
          AND rollup_15.idDevice = ${device}
          AND $__unixEpochTo() - $__unixEpochFrom() > 21600
        GROUP BY rollup_15.bucket
        HAVING peak_w > 20
      ) AS running
    ) AS marked
  ) AS numbered
  GROUP BY number
) AS run
LEFT JOIN tariff_slot
  ON tariff_slot.begins BETWEEN
    FROM_UNIXTIME(GREATEST($__unixEpochFrom(), $__unixEpochTo() - 2678400) - 172800) AND $__timeTo()
  AND tariff_slot.begins <= run.starts AND tariff_slot.ends > run.starts
LEFT JOIN day_price ON day_price.day = tariff_slot.day AND day_price.band = tariff_slot.band
ORDER BY run.starts DESC
LIMIT 100
