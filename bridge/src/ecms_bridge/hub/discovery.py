"""Home Assistant's MQTT discovery: one retained message for each appliance, which makes it appear by itself.

The form is that of https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload (Home Assistant
2024.11 or newer), without its abbreviations.
"""

from __future__ import annotations

import json
import re

from ecms_bridge import __version__, names
from ecms_bridge.hub.appliances import Appliance, Appliances

EXPIRE_AFTER_S = 60
"""A value that is not renewed for so long becomes unavailable: its boxes are silent."""

_SENSORS = {
    "current": ("measurement", "A", "current_a", 2),
    "power": ("measurement", "W", "power_w", 0),
    "energy": ("total_increasing", "Wh", "energy_wh", 0),
}
"""By device class: state class, unit, member of the state, decimals to show."""


class Discovery:
    """The discovery messages of a household; without appliances, none."""

    def __init__(self, slug: str, appliances: Appliances | None) -> None:
        self._slug = slug
        self._root = f"{names.home_assistant_prefix(slug)}/device"
        self._ours = re.compile(rf"{re.escape(self._root)}/ecms_{slug}_[0-9]+/config").fullmatch
        known = appliances.by_id.values() if appliances else ()
        self.messages = {self._topic(appliance.id, "config"): self._message(appliance) for appliance in known}

    @property
    def filter(self) -> str:
        """The topic filter under which all of them are found."""
        return f"{self._root}/+/config"

    def is_stale(self, topic: str, payload: bytes) -> bool:
        """Return whether a retained message is of an appliance that is no longer announced."""
        return bool(payload) and topic not in self.messages and self._ours(topic) is not None

    def state_topic(self, device: int) -> str:
        """Return where the state of an appliance is published."""
        return self._topic(device, "state")

    def _topic(self, device: int, what: str) -> str:
        return f"{self._root}/{self._id(device)}/{what}"

    def _id(self, device: int) -> str:
        return f"ecms_{self._slug}_{device}"

    def _message(self, appliance: Appliance) -> bytes:
        own = self._id(appliance.id)
        components = {
            f"{own}_{device_class}": {
                "platform": "sensor",
                "unique_id": f"{own}_{device_class}",
                # Without a name Home Assistant calls it by its device class, in the user's language.
                "device_class": device_class,
                "state_class": state_class,
                "unit_of_measurement": unit,
                "value_template": f"{{{{ value_json.{member} }}}}",
                "suggested_display_precision": decimals,
                "expire_after": EXPIRE_AFTER_S,
            }
            for device_class, (state_class, unit, member, decimals) in _SENSORS.items()
        }
        message = {
            "device": {"identifiers": [own], "name": appliance.name, "manufacturer": "ECMS", "model": "Appliance"},
            "origin": {"name": "ECMS", "sw_version": __version__},
            # Its words for available and not, "online" and "offline", are the hub's.
            "availability": [
                {"topic": names.status_topic(self._slug), "value_template": "{{ value_json.state }}"},
            ],
            "state_topic": self._topic(appliance.id, "state"),
            "components": components,
        }
        return json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()
