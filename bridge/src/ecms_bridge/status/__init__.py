"""``ecms-status``: how the hub, the broker, the writer and the database are, for people and for monitoring."""
