"""mqtt_to_mysql: stores the readings of all households and confirms them after the commit."""
