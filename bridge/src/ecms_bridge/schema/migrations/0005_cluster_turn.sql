-- One row, changed first of all by whoever stores readings or changes appliances in a cluster of servers. A lock
-- holds on one server only; of two that changed this row at once, the cluster lets one begin again.
CREATE TABLE IF NOT EXISTS cluster_turn (
  id TINYINT UNSIGNED NOT NULL,
  turn BIGINT UNSIGNED NOT NULL DEFAULT 0,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

INSERT INTO cluster_turn (id) VALUES (1) ON DUPLICATE KEY UPDATE id = id;
