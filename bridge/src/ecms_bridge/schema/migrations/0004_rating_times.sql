-- `ends` of `rating` as a time: beside a text, COALESCE makes it a text, which MySQL would not compare as a time.
CREATE OR REPLACE SQL SECURITY INVOKER VIEW rating AS
SELECT
  idDevice,
  valid_from AS begins,
  COALESCE(
    LEAD(valid_from) OVER (PARTITION BY idDevice ORDER BY valid_from),
    CAST('2038-01-19 03:14:07' AS DATETIME)
  ) AS ends,
  voltage_v * power_factor AS w_per_a
FROM device_rating;
