"""Publishes readings to the broker as a hub does, as fast as they are confirmed: to measure the writer alone."""

from __future__ import annotations

import selectors
import time

from bench.load import STEP_S, LostError, current_ma
from bench.stand import BOXES, SLUG, Stand
from database.fixtures import PASSWORD
from ecms_bridge import names
from ecms_bridge.config import MqttSettings
from ecms_bridge.messages import Reading, decode_confirmation, encode_reading
from ecms_bridge.mqtt import MqttLink
from ecms_bridge.simulator.cli import box_mac

_AHEAD = 4_000
"""So many readings may be unconfirmed: enough that the writer never waits for the next."""

_TURN_S = 0.01
_CONNECT_S = 20.0


class Feeder:
    """``count`` readings, encoded before the clock runs."""

    def __init__(self, stand: Stand, count: int, first_box: int) -> None:
        begins = int(time.time()) - 6 * 86_400
        self._messages = [
            encode_reading(
                Reading(
                    box_mac(first_box + n % BOXES),
                    begins + n // BOXES * STEP_S,
                    n % BOXES + 1,
                    current_ma(n % BOXES, n // BOXES) / 1000,
                    id=f"feed-{first_box:x}-{n:x}",
                    rssi=-60,
                    sequence=n // BOXES,
                    firmware="0.1.0",
                )
            )
            for n in range(count)
        ]
        self._confirmed = 0
        self._sent = 0
        self._link = MqttLink(
            MqttSettings("127.0.0.1", stand.broker_port, SLUG, ""),
            PASSWORD,
            f"feeder-{first_box}",
            [names.confirmations_topic(SLUG)],
            self._received,
            lambda: None,
        )

    def run(self, timeout_s: float) -> float:
        """Send everything and return how long it took until all was confirmed, s; raise LostError if it is not."""
        with selectors.DefaultSelector() as selector:
            end = time.monotonic() + _CONNECT_S
            while not self._link.up and time.monotonic() < end:
                self._turn(selector)
            begun = time.monotonic()
            while self._confirmed < len(self._messages) and time.monotonic() < begun + timeout_s:
                self._publish()
                self._turn(selector)
            took = time.monotonic() - begun
            self._link.close(selector)
        if self._confirmed != len(self._messages):
            raise LostError(f"{self._confirmed} of {len(self._messages)} readings were confirmed in {timeout_s:g} s")
        return took

    def _publish(self) -> None:
        free = min(self._link.room, _AHEAD - (self._sent - self._confirmed), len(self._messages) - self._sent)
        with self._link.together():
            for message in self._messages[self._sent : self._sent + max(0, free)]:
                if not self._link.publish(names.readings_topic(SLUG), message):
                    return
                self._sent += 1

    def _turn(self, selector: selectors.BaseSelector) -> None:
        self._link.prepare(selector)
        for _key, events in selector.select(_TURN_S):
            self._link.handle(events)
        self._link.tick()

    def _received(self, _topic: str, payload: bytes) -> None:
        self._confirmed += len(decode_confirmation(payload))
