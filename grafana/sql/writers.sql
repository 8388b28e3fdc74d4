-- One row per writer: version and what it did for this household since it started.
SELECT
  writer, version,
  UNIX_TIMESTAMP(started_at) * 1000 AS started,
  TIMESTAMPDIFF(SECOND, written_at, CURRENT_TIMESTAMP) AS silent_s,
  stored, repeated, late, quarantined, dead_lettered, database_free_bytes
FROM writer_status
ORDER BY writer
