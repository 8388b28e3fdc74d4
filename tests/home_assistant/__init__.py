"""Home Assistant's documented form of MQTT discovery, as a JSON Schema that tests hold messages against."""
