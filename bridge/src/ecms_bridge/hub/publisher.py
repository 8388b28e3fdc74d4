"""Publishing over MQTT: readings and status out, confirmations in. It knows nothing of datagrams."""

from __future__ import annotations

import logging
import selectors
from collections.abc import Callable
from contextlib import AbstractContextManager

from ecms_bridge import names
from ecms_bridge.config import MqttSettings
from ecms_bridge.messages import MessageError, decode_confirmation, encode_status
from ecms_bridge.mqtt import MqttLink, Will
from ecms_bridge.throttle import ThrottledLog

_OFFLINE: dict[str, object] = {"state": "offline"}

_log = logging.getLogger(__name__)


class MqttPublisher:
    """The hub's place at the broker.

    ``on_confirmed`` is called with the ids of each confirmation, ``on_foreign`` for one that is none,
    ``on_discovery(topic, payload)`` with what is found under ``discovery``, and ``on_up`` whenever the
    connection stands (again).
    """

    def __init__(
        self,
        household: str,
        settings: MqttSettings,
        password: str,
        *,
        client_id: str,
        discovery: str,
        on_discovery: Callable[[str, bytes], None],
        on_confirmed: Callable[[list[str]], None],
        on_foreign: Callable[[], None],
        on_up: Callable[[], None],
    ) -> None:
        self._readings_topic = names.readings_topic(household)
        self._status_topic = names.status_topic(household)
        self._confirmations_topic = names.confirmations_topic(household)
        self._on_discovery = on_discovery
        self._on_confirmed = on_confirmed
        self._on_foreign = on_foreign
        self._throttled = ThrottledLog(_log)
        self._will = Will(self._status_topic, encode_status(_OFFLINE))
        self._link = MqttLink(
            settings,
            password,
            client_id,
            [self._confirmations_topic, discovery],
            self._received,
            on_up,
            self._will,
        )

    @property
    def up(self) -> bool:
        return self._link.up

    @property
    def room(self) -> int:
        """How many readings the broker takes now."""
        return self._link.room

    @property
    def denied(self) -> int:
        """How many publications the broker has refused."""
        return self._link.denied_publications

    def publish(self, message: bytes) -> bool:
        """Publish an encoded reading; false if there is no connection."""
        return self._link.publish(self._readings_topic, message)

    def publish_to(self, topic: str, payload: bytes, *, retain: bool) -> bool:
        """Publish something else; false if there is no connection."""
        return self._link.publish(topic, payload, retain=retain)

    def together(self) -> AbstractContextManager[None]:
        """Return a context in which what is published travels together."""
        return self._link.together()

    def publish_status(self, status: dict[str, object]) -> bool:
        """Publish the retained status; false if there is no connection."""
        return self._link.publish(self._status_topic, encode_status({"state": "online"} | status), retain=True)

    def prepare(self, selector: selectors.BaseSelector) -> bool:
        return self._link.prepare(selector)

    def handle(self, events: int) -> None:
        self._link.handle(events)

    def tick(self) -> None:
        self._link.tick()

    def close(self, selector: selectors.BaseSelector) -> None:
        """Say that the hub goes offline, and disconnect."""
        self._link.close(selector, self._will)

    def _received(self, topic: str, payload: bytes) -> None:
        if topic != self._confirmations_topic:
            self._on_discovery(topic, payload)
            return
        try:
            ids = decode_confirmation(payload)
        except MessageError as error:
            self._throttled.warning("foreign", "ignored a confirmation of %d bytes: %s", len(payload), error.reason)
            self._on_foreign()
            return
        self._on_confirmed(ids)
