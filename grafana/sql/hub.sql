-- The newest word of the hub: state, versions, queue, disk and refused datagrams since its daemon started.
SELECT
  UNIX_TIMESTAMP(received_at) * 1000 AS told,
  TIMESTAMPDIFF(SECOND, received_at, CURRENT_TIMESTAMP) AS silent_s,
  state, version, uptime_s, clock, spool_state, confirmations,
  queue_memory, queue_spool, lag_s, spool_bytes, spool_free_bytes,
  received, resent_by_box, not_taken,
  refused_tag, refused_unsigned, refused_time_old, refused_time_ahead, refused_malformed
FROM hub_report
ORDER BY received_at DESC
LIMIT 1
