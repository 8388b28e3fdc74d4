-- Total now in W. 0 where total_now knows nothing, so that the alert resolves when the boxes are off.
SELECT COALESCE(now.total_w, 0) AS watt
FROM ({total_now}) AS now
