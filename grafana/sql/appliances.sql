-- The appliances, for the dashboard's variable.
SELECT nome AS __text, idDevice AS __value FROM device ORDER BY nome
