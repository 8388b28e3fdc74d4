-- The household's settings, in W and V: marks of the gauge and of the series.
SELECT name, timezone, mains_voltage_v, contract_power_w, alert_power_w, unmeasured_power_w, currency
FROM household
WHERE id = 1
