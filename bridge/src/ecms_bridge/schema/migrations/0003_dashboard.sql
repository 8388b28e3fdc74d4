-- What dashboards and alerts read: views whose names are the same in every home, local days, prices, settings.
-- No view hides rights: its reader needs his own to the tables below (SQL SECURITY INVOKER).

-- The household's settings that dashboards and alerts compare with, and the unit of its money. One row.
CREATE TABLE IF NOT EXISTS household (
  id TINYINT UNSIGNED NOT NULL,
  name VARCHAR(100) NOT NULL,
  timezone VARCHAR(64) NOT NULL,
  mains_voltage_v DECIMAL(6,2) NOT NULL,
  contract_power_w INT UNSIGNED NOT NULL,
  alert_power_w INT UNSIGNED NOT NULL,
  unmeasured_power_w INT UNSIGNED NOT NULL,
  currency CHAR(3) NOT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- Prices by name of their band; band 0 is a tariff's only price.
CREATE TABLE IF NOT EXISTS band (
  band TINYINT UNSIGNED NOT NULL,
  name VARCHAR(20) NOT NULL,
  PRIMARY KEY (band),
  UNIQUE KEY band_name (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

INSERT INTO band SET band = 0, name = '' ON DUPLICATE KEY UPDATE name = name;

-- The tariffs as the inventory has them: JSON, compared when the inventory changes, read by no query.
CREATE TABLE IF NOT EXISTS tariff (
  valid_from DATE NOT NULL,
  terms TEXT NOT NULL,
  PRIMARY KEY (valid_from)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- Each local day of `calendar` cut where its band changes, in UTC; without bands, one slot a day.
CREATE TABLE IF NOT EXISTS tariff_slot (
  begins TIMESTAMP NOT NULL DEFAULT '1970-01-01 00:00:01',
  ends TIMESTAMP NOT NULL DEFAULT '1970-01-01 00:00:01',
  day DATE NOT NULL,
  band TINYINT UNSIGNED NOT NULL,
  PRIMARY KEY (begins),
  KEY tariff_slot_day (day)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- What a kWh costs by local day and band. No row, no price: that is not the same as a price of nothing.
CREATE TABLE IF NOT EXISTS day_price (
  day DATE NOT NULL,
  band TINYINT UNSIGNED NOT NULL,
  price_kwh DECIMAL(10,6) NOT NULL,
  PRIMARY KEY (day, band)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- What a local day costs whatever is used.
CREATE TABLE IF NOT EXISTS day_fixed (
  day DATE NOT NULL,
  fixed DECIMAL(12,6) NOT NULL,
  PRIMARY KEY (day)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- Sums over local days that have ended, by band, all boxes of an appliance together.
CREATE TABLE IF NOT EXISTS rollup_day (
  day DATE NOT NULL,
  band TINYINT UNSIGNED NOT NULL,
  idDevice SMALLINT UNSIGNED NOT NULL,
  n INT UNSIGNED NOT NULL,
  cov_s INT UNSIGNED NOT NULL,
  a_s DECIMAL(14,3) NOT NULL,
  a_max DECIMAL(7,3) NOT NULL,
  PRIMARY KEY (day, band, idDevice)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- The last day of which `rollup_day` holds the sums, and its end. One row, so that a query finds out where
-- `rollup_day` ends before it is planned.
CREATE TABLE IF NOT EXISTS closed_day (
  id TINYINT UNSIGNED NOT NULL,
  day DATE NOT NULL,
  ends TIMESTAMP NOT NULL DEFAULT '1970-01-01 00:00:01',
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

INSERT INTO closed_day SET id = 1, day = '1970-01-01' ON DUPLICATE KEY UPDATE id = id;

-- 0 to 127: a day has up to 100 quarters of an hour, and servers plan a join on equal times well, one on
-- ranges of time badly.
CREATE TABLE IF NOT EXISTS number (
  n TINYINT UNSIGNED NOT NULL,
  PRIMARY KEY (n)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

INSERT INTO number (n)
SELECT a.n + b.n * 2 + c.n * 4 + d.n * 8 + e.n * 16 + f.n * 32 + g.n * 64
FROM (SELECT 0 AS n UNION ALL SELECT 1) AS a
CROSS JOIN (SELECT 0 AS n UNION ALL SELECT 1) AS b
CROSS JOIN (SELECT 0 AS n UNION ALL SELECT 1) AS c
CROSS JOIN (SELECT 0 AS n UNION ALL SELECT 1) AS d
CROSS JOIN (SELECT 0 AS n UNION ALL SELECT 1) AS e
CROSS JOIN (SELECT 0 AS n UNION ALL SELECT 1) AS f
CROSS JOIN (SELECT 0 AS n UNION ALL SELECT 1) AS g
WHERE TRUE
ON DUPLICATE KEY UPDATE n = number.n;

CREATE OR REPLACE ALGORITHM=MERGE SQL SECURITY INVOKER VIEW reading AS
SELECT updated_at, idDevice, mac, sensorData FROM {data_table};

CREATE OR REPLACE ALGORITHM=MERGE SQL SECURITY INVOKER VIEW rollup_15 AS
SELECT bucket, idDevice, mac, n, cov_s, a_s, a_min, a_max FROM {rollup_table} WHERE res = 15;

CREATE OR REPLACE ALGORITHM=MERGE SQL SECURITY INVOKER VIEW rollup_60 AS
SELECT bucket, idDevice, mac, n, cov_s, a_s, a_min, a_max FROM {rollup_table} WHERE res = 60;

-- Watt per ampere of each appliance and the time for which it holds.
CREATE OR REPLACE SQL SECURITY INVOKER VIEW rating AS
SELECT
  idDevice,
  valid_from AS begins,
  COALESCE(LEAD(valid_from) OVER (PARTITION BY idDevice ORDER BY valid_from), '2038-01-19 03:14:07') AS ends,
  voltage_v * power_factor AS w_per_a
FROM device_rating;

-- All local days: those that have ended as they are stored, the others from their quarters of an hour. Where
-- two boxes measure one appliance, their current adds up and their coverage does not.
CREATE OR REPLACE SQL SECURITY INVOKER VIEW daily AS
SELECT day, band, idDevice, n, cov_s, a_s, a_max FROM rollup_day
UNION ALL
SELECT
  slot.day, slot.band, quarter.idDevice,
  SUM(quarter.n), SUM(quarter.cov_s), SUM(quarter.a_s), MAX(quarter.a_max)
FROM (
  SELECT r.bucket, r.idDevice, SUM(r.n) AS n, SUM(r.cov_s) / COUNT(*) AS cov_s, SUM(r.a_s) AS a_s,
    MAX(r.a_max) AS a_max
  FROM closed_day AS closed
  JOIN {rollup_table} AS r ON r.res = 15 AND r.bucket >= closed.ends
  WHERE closed.id = 1
  GROUP BY r.bucket, r.idDevice
) AS quarter
JOIN closed_day AS closed ON closed.id = 1
JOIN tariff_slot AS slot ON slot.begins >= closed.ends AND slot.begins < CURRENT_TIMESTAMP + INTERVAL 1 DAY
  AND quarter.bucket >= slot.begins AND quarter.bucket < slot.ends
GROUP BY slot.day, slot.band, quarter.idDevice;
