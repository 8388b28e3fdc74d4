-- The schema over all homes: what each home that takes part gives, and the views that its reader sees. Every statement
-- can be run again. A statement ends with a semicolon at the end of a line.

-- What the operator decides. One row.
CREATE TABLE IF NOT EXISTS setting (
  id TINYINT UNSIGNED NOT NULL,
  minimum_homes SMALLINT UNSIGNED NOT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- The homes that take part. `name` is NULL unless the home shows it. Days before `since` are not taken. `facts` is a
-- checksum of the names, ratings and days by which the home's rows below were computed.
CREATE TABLE IF NOT EXISTS home (
  home SMALLINT UNSIGNED NOT NULL AUTO_INCREMENT,
  slug VARCHAR(23) NOT NULL,
  name VARCHAR(100) NULL,
  since DATE NOT NULL,
  facts CHAR(64) NOT NULL DEFAULT '',
  PRIMARY KEY (home),
  UNIQUE KEY home_slug (slug)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- Wh of each appliance, by its name in lower case, on each local day that has ended, with s measured and s of the day.
CREATE TABLE IF NOT EXISTS home_day (
  day DATE NOT NULL,
  appliance VARCHAR(50) NOT NULL,
  home SMALLINT UNSIGNED NOT NULL,
  wh DECIMAL(14,3) NOT NULL,
  cov_s INT UNSIGNED NOT NULL,
  day_s INT UNSIGNED NOT NULL,
  PRIMARY KEY (day, appliance, home),
  KEY home_day_home (home, day)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- The same by month (its first day) and hour of the home's clock.
CREATE TABLE IF NOT EXISTS home_hour (
  month DATE NOT NULL,
  appliance VARCHAR(50) NOT NULL,
  hour TINYINT UNSIGNED NOT NULL,
  home SMALLINT UNSIGNED NOT NULL,
  wh DECIMAL(14,3) NOT NULL,
  cov_s INT UNSIGNED NOT NULL,
  PRIMARY KEY (month, appliance, hour, home),
  KEY home_hour_home (home, month)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- The same by month over the hours in which the appliance never drew more than 20 W.
CREATE TABLE IF NOT EXISTS home_standby (
  month DATE NOT NULL,
  appliance VARCHAR(50) NOT NULL,
  home SMALLINT UNSIGNED NOT NULL,
  wh DECIMAL(14,3) NOT NULL,
  cov_s INT UNSIGNED NOT NULL,
  PRIMARY KEY (month, appliance, home),
  KEY home_standby_home (home, month)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- The views run with the rights of the administrator who makes them, so that their reader needs none to the tables.
-- A group of fewer than `minimum_homes` homes has no row, and a median, which is one home's value or the mean of two,
-- needs twice as many. Least and greatest values are one home's and are in no view.

CREATE OR REPLACE SQL SECURITY DEFINER VIEW overview AS
SELECT setting.minimum_homes, (SELECT COUNT(*) FROM home) AS homes, (SELECT COUNT(name) FROM home) AS named
FROM setting;

CREATE OR REPLACE SQL SECURITY DEFINER VIEW participant AS
SELECT name FROM home WHERE name IS NOT NULL;

-- A day counts where at least 80 % of it were measured; `coverage` is the mean of those that count.
CREATE OR REPLACE SQL SECURITY DEFINER VIEW appliance_day AS
SELECT
  day,
  appliance,
  MAX(homes) AS homes,
  ROUND(AVG(wh)) AS wh_mean,
  CASE WHEN MAX(homes) >= 2 * (SELECT minimum_homes FROM setting)
    THEN ROUND(AVG(CASE WHEN 2 * place BETWEEN homes AND homes + 2 THEN wh END)) END AS wh_median,
  ROUND(AVG(cov_s / day_s), 3) AS coverage
FROM (
  SELECT
    day, appliance, wh, cov_s, day_s,
    COUNT(*) OVER (PARTITION BY day, appliance) AS homes,
    ROW_NUMBER() OVER (PARTITION BY day, appliance ORDER BY wh) AS place
  FROM home_day
  WHERE cov_s >= 0.8 * day_s
) AS counted
GROUP BY day, appliance
HAVING MAX(homes) >= (SELECT minimum_homes FROM setting);

-- Of each home the mean of its days that count, at least seven.
CREATE OR REPLACE SQL SECURITY DEFINER VIEW appliance_month AS
SELECT
  month,
  appliance,
  MAX(homes) AS homes,
  ROUND(AVG(wh_day)) AS wh_day_mean,
  CASE WHEN MAX(homes) >= 2 * (SELECT minimum_homes FROM setting)
    THEN ROUND(AVG(CASE WHEN 2 * place BETWEEN homes AND homes + 2 THEN wh_day END)) END AS wh_day_median
FROM (
  SELECT
    month, appliance, wh_day,
    COUNT(*) OVER (PARTITION BY month, appliance) AS homes,
    ROW_NUMBER() OVER (PARTITION BY month, appliance ORDER BY wh_day) AS place
  FROM (
    SELECT day - INTERVAL (DAYOFMONTH(day) - 1) DAY AS month, appliance, home, AVG(wh) AS wh_day
    FROM home_day
    WHERE cov_s >= 0.8 * day_s
    GROUP BY month, appliance, home
    HAVING COUNT(*) >= 7
  ) AS whole
) AS counted
GROUP BY month, appliance
HAVING MAX(homes) >= (SELECT minimum_homes FROM setting);

-- An hour of the clock counts for a home that measured at least 80 % of it on seven days.
CREATE OR REPLACE SQL SECURITY DEFINER VIEW load_profile AS
SELECT
  month,
  hour,
  appliance,
  MAX(homes) AS homes,
  ROUND(AVG(w), 1) AS w_mean,
  CASE WHEN MAX(homes) >= 2 * (SELECT minimum_homes FROM setting)
    THEN ROUND(AVG(CASE WHEN 2 * place BETWEEN homes AND homes + 2 THEN w END), 1) END AS w_median
FROM (
  SELECT
    month, hour, appliance, wh / cov_s * 3600 AS w,
    COUNT(*) OVER (PARTITION BY month, hour, appliance) AS homes,
    ROW_NUMBER() OVER (PARTITION BY month, hour, appliance ORDER BY wh / cov_s) AS place
  FROM home_hour
  WHERE cov_s >= 7 * 0.8 * 3600
) AS counted
GROUP BY month, hour, appliance
HAVING MAX(homes) >= (SELECT minimum_homes FROM setting);

-- A standby counts that was seen for a day or more.
CREATE OR REPLACE SQL SECURITY DEFINER VIEW standby AS
SELECT
  month,
  appliance,
  MAX(homes) AS homes,
  ROUND(AVG(w), 1) AS w_mean,
  CASE WHEN MAX(homes) >= 2 * (SELECT minimum_homes FROM setting)
    THEN ROUND(AVG(CASE WHEN 2 * place BETWEEN homes AND homes + 2 THEN w END), 1) END AS w_median
FROM (
  SELECT
    month, appliance, wh / cov_s * 3600 AS w,
    COUNT(*) OVER (PARTITION BY month, appliance) AS homes,
    ROW_NUMBER() OVER (PARTITION BY month, appliance ORDER BY wh / cov_s) AS place
  FROM home_standby
  WHERE cov_s >= 86400
) AS counted
GROUP BY month, appliance
HAVING MAX(homes) >= (SELECT minimum_homes FROM setting);
