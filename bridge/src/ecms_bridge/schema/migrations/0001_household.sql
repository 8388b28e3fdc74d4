-- The tables of one household. Every statement can be run again, because DDL commits by itself and a run may
-- have ended half-way. A statement ends with a semicolon at the end of a line.

CREATE TABLE IF NOT EXISTS device (
  idDevice SMALLINT UNSIGNED NOT NULL,
  nome VARCHAR(50) NOT NULL,
  PRIMARY KEY (idDevice),
  UNIQUE KEY device_nome (nome)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- Voltage and power factor with the date from which they hold.
CREATE TABLE IF NOT EXISTS device_rating (
  idDevice SMALLINT UNSIGNED NOT NULL,
  valid_from TIMESTAMP NOT NULL DEFAULT '1970-01-01 00:00:01',
  voltage_v DECIMAL(6,2) NOT NULL,
  power_factor DECIMAL(4,3) NOT NULL,
  PRIMARY KEY (idDevice, valid_from)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- Which appliance a box measures from a date on, where that is not what its datagrams say.
CREATE TABLE IF NOT EXISTS box_assignment (
  mac BINARY(6) NOT NULL,
  valid_from TIMESTAMP NOT NULL DEFAULT '1970-01-01 00:00:01',
  idDevice SMALLINT UNSIGNED NOT NULL,
  PRIMARY KEY (mac, valid_from)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- Clustered on time, so that a range of time is one range of pages; current in A RMS.
CREATE TABLE IF NOT EXISTS {data_table} (
  updated_at TIMESTAMP NOT NULL DEFAULT '1970-01-01 00:00:01',
  idDevice SMALLINT UNSIGNED NOT NULL,
  mac BINARY(6) NOT NULL,
  sensorData DECIMAL(7,3) NOT NULL,
  PRIMARY KEY (updated_at, idDevice, mac)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- Sums over 15 and 60 minutes: readings, seconds covered, ampere-seconds, least and greatest current in A.
CREATE TABLE IF NOT EXISTS {rollup_table} (
  res TINYINT UNSIGNED NOT NULL,
  bucket TIMESTAMP NOT NULL DEFAULT '1970-01-01 00:00:01',
  idDevice SMALLINT UNSIGNED NOT NULL,
  mac BINARY(6) NOT NULL,
  n INT UNSIGNED NOT NULL,
  cov_s INT UNSIGNED NOT NULL,
  a_s DECIMAL(12,3) NOT NULL,
  a_min DECIMAL(7,3) NOT NULL,
  a_max DECIMAL(7,3) NOT NULL,
  PRIMARY KEY (res, bucket, idDevice, mac)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- The household's local days in UTC.
CREATE TABLE IF NOT EXISTS calendar (
  day DATE NOT NULL,
  begins TIMESTAMP NOT NULL DEFAULT '1970-01-01 00:00:01',
  ends TIMESTAMP NOT NULL DEFAULT '1970-01-01 00:00:01',
  PRIMARY KEY (day),
  KEY calendar_begins (begins, ends)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- What is last known of each box; `readings` counts what arrived, repeats included.
CREATE TABLE IF NOT EXISTS box (
  mac BINARY(6) NOT NULL,
  idDevice SMALLINT UNSIGNED NOT NULL,
  first_seen TIMESTAMP NOT NULL DEFAULT '1970-01-01 00:00:01',
  last_seen TIMESTAMP NOT NULL DEFAULT '1970-01-01 00:00:01',
  rssi SMALLINT NULL,
  firmware VARCHAR(11) NULL,
  sequence INT UNSIGNED NULL,
  calibrated TINYINT(1) NULL,
  last_boot TIMESTAMP NULL DEFAULT NULL,
  boots INT UNSIGNED NOT NULL DEFAULT 0,
  clipped INT UNSIGNED NOT NULL DEFAULT 0,
  readings BIGINT UNSIGNED NOT NULL DEFAULT 0,
  PRIMARY KEY (mac)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- Readings of appliances the household does not have; `idDevice` is what the datagram names.
CREATE TABLE IF NOT EXISTS quarantine (
  idDevice SMALLINT UNSIGNED NOT NULL,
  mac BINARY(6) NOT NULL,
  updated_at TIMESTAMP NOT NULL DEFAULT '1970-01-01 00:00:01',
  sensorData DECIMAL(7,3) NOT NULL,
  PRIMARY KEY (idDevice, mac, updated_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- Messages that can never be stored. A ring: `slot` is the running number modulo the ring's size.
CREATE TABLE IF NOT EXISTS dead_letter (
  slot SMALLINT UNSIGNED NOT NULL,
  number BIGINT UNSIGNED NOT NULL,
  received_at TIMESTAMP NOT NULL DEFAULT '1970-01-01 00:00:01',
  reason VARCHAR(200) NOT NULL,
  payload VARBINARY(1024) NOT NULL,
  PRIMARY KEY (slot)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- What the hub said of itself; `payload` is its JSON message.
CREATE TABLE IF NOT EXISTS hub_status (
  received_at TIMESTAMP NOT NULL DEFAULT '1970-01-01 00:00:01',
  state VARCHAR(7) NOT NULL,
  payload TEXT NOT NULL,
  PRIMARY KEY (received_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- One row. Its lock serialises all who store readings or change appliances; `generation` grows with each
-- change of device or box_assignment, so that a writer that knows an older one reads them again.
CREATE TABLE IF NOT EXISTS writer_state (
  id TINYINT UNSIGNED NOT NULL,
  generation BIGINT UNSIGNED NOT NULL DEFAULT 0,
  dead_letters BIGINT UNSIGNED NOT NULL DEFAULT 0,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

INSERT INTO writer_state (id) VALUES (1) ON DUPLICATE KEY UPDATE id = id;

-- The table as the project's first document knows it. `id` is computed from the key: unique, stable, and no
-- reason to sort or to store anything.
CREATE OR REPLACE ALGORITHM=MERGE SQL SECURITY INVOKER VIEW energy_consumption AS
SELECT
  CAST(UNIX_TIMESTAMP(updated_at) AS DECIMAL(38,0)) * 18446744073709551616
    + idDevice * 281474976710656
    + CAST(CONV(HEX(mac), 16, 10) AS UNSIGNED) AS id,
  updated_at,
  idDevice,
  CAST(CONCAT_WS(':',
    SUBSTRING(HEX(mac), 1, 2), SUBSTRING(HEX(mac), 3, 2), SUBSTRING(HEX(mac), 5, 2),
    SUBSTRING(HEX(mac), 7, 2), SUBSTRING(HEX(mac), 9, 2), SUBSTRING(HEX(mac), 11, 2)
  ) AS CHAR(18) CHARACTER SET utf8mb4) COLLATE utf8mb4_unicode_ci AS macAddress,
  sensorData
FROM {data_table};
