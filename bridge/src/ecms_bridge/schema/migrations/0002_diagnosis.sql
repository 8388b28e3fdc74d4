-- What the diagnosis dashboard and ecms-status read. Every statement can be run again.

-- What each writer did for this household since `started_at`; written with its readings, at most once a minute.
-- `late` counts stored readings measured more than a minute before; `database_free_bytes` is NULL where the
-- database is on another host than the writer.
CREATE TABLE IF NOT EXISTS writer_status (
  writer VARCHAR(64) NOT NULL,
  started_at TIMESTAMP NOT NULL DEFAULT '1970-01-01 00:00:01',
  written_at TIMESTAMP NOT NULL DEFAULT '1970-01-01 00:00:01',
  version VARCHAR(20) NOT NULL,
  batches BIGINT UNSIGNED NOT NULL,
  stored BIGINT UNSIGNED NOT NULL,
  repeated BIGINT UNSIGNED NOT NULL,
  late BIGINT UNSIGNED NOT NULL,
  quarantined BIGINT UNSIGNED NOT NULL,
  dead_lettered BIGINT UNSIGNED NOT NULL,
  database_free_bytes BIGINT UNSIGNED NULL,
  PRIMARY KEY (writer)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- How many messages could never be stored, by reason, since this table exists.
CREATE TABLE IF NOT EXISTS dead_letter_count (
  reason VARCHAR(20) NOT NULL,
  messages BIGINT UNSIGNED NOT NULL,
  last_at TIMESTAMP NOT NULL DEFAULT '1970-01-01 00:00:01',
  PRIMARY KEY (reason)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- hub_status in columns: one row for each status a hub published, about one a minute. Counters begin at the
-- start of the hub's daemon, `uptime_s` ago. Columns are NULL where the hub is offline or its version says nothing.
CREATE OR REPLACE ALGORITHM=MERGE SQL SECURITY INVOKER VIEW hub_report AS
SELECT
  received_at,
  state,
  JSON_VALUE(payload, '$.version') AS version,
  JSON_VALUE(payload, '$.clock') AS clock,
  JSON_VALUE(payload, '$.spool') AS spool_state,
  JSON_VALUE(payload, '$.confirmations') AS confirmations,
  CAST(JSON_VALUE(payload, '$.uptime_s') AS UNSIGNED) AS uptime_s,
  CAST(JSON_VALUE(payload, '$.queue.memory') AS UNSIGNED) AS queue_memory,
  CAST(JSON_VALUE(payload, '$.queue.spool') AS UNSIGNED) AS queue_spool,
  CAST(JSON_VALUE(payload, '$.queue.waiting_for_clock') AS UNSIGNED) AS waiting_for_clock,
  CAST(JSON_VALUE(payload, '$.queue.lag_s') AS UNSIGNED) AS lag_s,
  CAST(JSON_VALUE(payload, '$.disk.spool_bytes') AS UNSIGNED) AS spool_bytes,
  CAST(JSON_VALUE(payload, '$.disk.free_bytes') AS UNSIGNED) AS spool_free_bytes,
  CAST(JSON_VALUE(payload, '$.counters.received') AS UNSIGNED) AS received,
  CAST(JSON_VALUE(payload, '$.counters.version_1') AS UNSIGNED) AS version_1,
  CAST(JSON_VALUE(payload, '$.counters.version_2') AS UNSIGNED) AS version_2,
  CAST(JSON_VALUE(payload, '$.counters.resent_by_box') AS UNSIGNED) AS resent_by_box,
  CAST(JSON_VALUE(payload, '$.counters.published') AS UNSIGNED) AS published,
  CAST(JSON_VALUE(payload, '$.counters.republished') AS UNSIGNED) AS republished,
  CAST(JSON_VALUE(payload, '$.counters.confirmed') AS UNSIGNED) AS confirmed,
  CAST(JSON_VALUE(payload, '$.counters.acknowledged') AS UNSIGNED) AS acknowledged,
  CAST(JSON_VALUE(payload, '$.counters.spooled') AS UNSIGNED) AS spooled,
  CAST(JSON_VALUE(payload, '$.counters.not_taken') AS UNSIGNED) AS not_taken,
  CAST(COALESCE(JSON_VALUE(payload, '$.counters.refused.tag'), 0) AS UNSIGNED) AS refused_tag,
  CAST(COALESCE(JSON_VALUE(payload, '$.counters.refused.unsigned'), 0) AS UNSIGNED) AS refused_unsigned,
  CAST(COALESCE(JSON_VALUE(payload, '$.counters.refused.time_old'), 0) AS UNSIGNED) AS refused_time_old,
  CAST(COALESCE(JSON_VALUE(payload, '$.counters.refused.time_ahead'), 0) AS UNSIGNED) AS refused_time_ahead,
  CAST(COALESCE(JSON_VALUE(payload, '$.counters.refused.length'), 0)
    + COALESCE(JSON_VALUE(payload, '$.counters.refused.magic'), 0)
    + COALESCE(JSON_VALUE(payload, '$.counters.refused.version'), 0)
    + COALESCE(JSON_VALUE(payload, '$.counters.refused.address'), 0)
    + COALESCE(JSON_VALUE(payload, '$.counters.refused.reserved'), 0) AS UNSIGNED) AS refused_malformed
FROM hub_status;

-- The boxes as the hub's newest status while online tells of them; counts since the start of the hub's daemon.
-- `missing` readings were never received and may still come, `lost` ones no longer can.
CREATE OR REPLACE SQL SECURITY INVOKER VIEW box_report AS
SELECT
  newest.received_at,
  UNHEX(REPLACE(told.mac, ':', '')) AS mac,
  told.device AS idDevice,
  FROM_UNIXTIME(told.last_seen) AS last_seen,
  told.rssi,
  told.firmware,
  told.received,
  told.resent,
  told.refused,
  told.missing,
  told.lost
FROM
  (SELECT received_at, payload FROM hub_status WHERE state = 'online' ORDER BY received_at DESC LIMIT 1) AS newest,
  JSON_TABLE(newest.payload, '$.boxes[*]' COLUMNS (
    mac VARCHAR(17) PATH '$.mac',
    device SMALLINT UNSIGNED PATH '$.device',
    last_seen BIGINT PATH '$.last_seen',
    rssi SMALLINT PATH '$.rssi',
    firmware VARCHAR(11) PATH '$.firmware',
    received BIGINT UNSIGNED PATH '$.received',
    resent BIGINT UNSIGNED PATH '$.resent',
    refused BIGINT UNSIGNED PATH '$.refused',
    missing BIGINT UNSIGNED PATH '$.missing',
    lost BIGINT UNSIGNED PATH '$.lost'
  )) AS told;
