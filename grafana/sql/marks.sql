-- What colours panels: W from which on power is unusual and too much, the end of the gauge, where the meter would trip
-- within minutes, and Grafana's name of the household's money. One row.
SELECT
  0 AS none_w,
  alert_power_w,
  contract_power_w,
  contract_power_w * 4 / 3 AS scale_w,
  IF(currency IN ('CHF', 'EUR', 'GBP', 'USD'), CONCAT('currency', currency), CONCAT('currency:', currency, ' ')) AS money
FROM household
WHERE id = 1
