-- What one appliance draws now, in W or A; 0 when its box is off.
SELECT COALESCE(MAX(now.{watt_or_ampere}), 0) AS {watt_or_ampere}
FROM ({appliances_now}) AS now
JOIN device ON device.nome = now.appliance AND device.idDevice IN ({devices})
