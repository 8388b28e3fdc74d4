"""ECMS bridge: receives the boxes' datagrams, publishes them over MQTT and stores them in MySQL."""

__version__ = "0.1.0"
