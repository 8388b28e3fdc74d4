"""The daemon ``ecms-udp-to-mqtt``: one loop around the boxes' socket and the broker's."""

from __future__ import annotations

import argparse
import hmac
import logging
import os
import platform
import secrets
import selectors
import sys
import time
from pathlib import Path

from ecms_bridge import __version__
from ecms_bridge.config import ConfigError, credential
from ecms_bridge.datagram import Datagram, DatagramError, Flag, Refusal, acknowledgement, format_mac, parse
from ecms_bridge.hub.boxes import BoxSocket, BoxSocketError
from ecms_bridge.hub.counters import Counters
from ecms_bridge.hub.discovery import Discovery
from ecms_bridge.hub.holding import Held, Holding
from ecms_bridge.hub.home_assistant import HomeAssistant
from ecms_bridge.hub.judge import Judge
from ecms_bridge.hub.ledger import Address, Entry, Ledger
from ecms_bridge.hub.publisher import MqttPublisher
from ecms_bridge.hub.roster import Roster
from ecms_bridge.hub.settings import HubSettings, Limits, Timing, household_key
from ecms_bridge.hub.spool import Row, Spool, SpoolError
from ecms_bridge.messages import decode_reading, encode_reading, reading_of
from ecms_bridge.mqtt import MqttLink
from ecms_bridge.service import Service, configure_logging
from ecms_bridge.throttle import ThrottledLog

DEFAULT_CONFIG = Path("/etc/ecms/udp_to_mqtt.toml")

_ADVICE = {
    Refusal.TAG: "its key is not this household's: flash the box again",
    Refusal.UNSIGNED: "it is not signed: flash the box again, or set ecms_require_signed_readings: false",
    Refusal.TIME_OLD: "it is older than 7 days",
    Refusal.TIME_AHEAD: "its time is more than 5 minutes ahead: check the clock of the box and of the hub",
    Refusal.RESERVED: "it uses bits this version does not know: update the hub",
}

_log = logging.getLogger(__name__)


def client_id(household: str, key: bytes) -> str:
    """Return the hub's client id: the same after a restart, so that the broker ends what is left of the session before.

    To Mosquitto an id is one for all users, and whoever uses another's ends its session: nobody else can know this one.
    """
    return f"ecms-hub-{household}-{hmac.digest(key, b'MQTT client id', 'sha256')[:8].hex()}"


class Hub:
    """Takes readings from boxes, publishes them until they are confirmed, and acknowledges them.

    A reading is acknowledged when it is confirmed, when it is safe in the spool, or when it is refused for
    good.
    """

    def __init__(
        self,
        settings: HubSettings,
        key: bytes,
        password: str,
        service: Service,
        timing: Timing | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Open the spool and the socket.

        Raises SpoolError, BoxSocketError or ConfigError, each with one sentence for the user.
        """
        self._settings = settings
        self._key = key
        self._service = service
        self._timing = timing or Timing()
        self._limits = limits or Limits()
        self._throttled = ThrottledLog(_log)
        self.counters = Counters()
        self._discovery = Discovery(settings.household, settings.home_assistant)
        self._publisher = MqttPublisher(
            settings.household,
            settings.mqtt,
            password,
            client_id=client_id(settings.household, key),
            discovery=self._discovery.filter,
            on_discovery=self._discovered,
            on_confirmed=self._confirmed,
            on_foreign=self._foreign,
            on_up=self._up,
        )
        self._spool = Spool(settings.spool_directory, settings.spool_max_readings)
        try:
            self._boxes = BoxSocket(settings.address, settings.port)
        except BoxSocketError:
            self._spool.close()
            raise
        self._home_assistant = (
            None
            if settings.home_assistant is None
            else HomeAssistant(settings.home_assistant, settings.spool_directory)
        )
        self._next_states = 0.0
        self._ledger = Ledger(self._timing)
        self._holding = Holding(self._limits.held)
        self._roster = Roster()
        self._judge = Judge(require_signed=settings.require_signed_readings, signed=self._spool.signed)
        # Unlike a number kept on disk, a random start needs no write that could fail on a full one.
        self._id_prefix = secrets.token_hex(5)
        self._id_number = 0
        self._clock_right = settings.clock_marker is None
        self._clock_looked = float("-inf")
        self._spool_state = "ready"
        self._next_commit = 0.0
        self._started = self._now = time.monotonic()
        self._told: tuple[float, tuple[str, ...]] = (float("-inf"), ())
        self._busy = False

    @property
    def port(self) -> int:
        """The UDP port it listens on."""
        return self._boxes.port

    def run(self) -> None:
        """Work until the service is stopping; then spool what is unconfirmed and say good-bye."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._boxes.socket, selectors.EVENT_READ)
            _log.info("receiving on UDP port %d; %d readings in the spool", self.port, self._spool.count)
            if not self._clock_right:
                _log.info("the clock is not right yet: readings wait for %s", self._settings.clock_marker)
            self._service.ready(self._sentence())
            while not self._service.stopping:
                self._turn(selector)
                self._service.alive()
            self._finish(selector)

    def _turn(self, selector: selectors.BaseSelector) -> None:
        unseen = self._publisher.prepare(selector)
        events = selector.select(0 if unseen or self._busy else self._timing.idle)
        self._now = time.monotonic()
        for key, mask in events:
            if key.fileobj is self._boxes.socket:
                self._receive()
            else:
                self._publisher.handle(mask)
        if unseen:
            self._publisher.handle(selectors.EVENT_READ)
        self._publisher.tick()
        self._look_at_clock()
        releasing = self._release_held()
        self._ledger.wake(self._now)
        self._use_spool()
        self._busy = self._publish() or releasing
        self._tell()
        if self._home_assistant is not None and self._now >= self._next_states:
            self._tell_home_assistant(self._home_assistant)

    def _receive(self) -> None:
        for data, address in self._boxes.receive(self._limits.datagrams_a_turn):
            self.counters.received += 1
            try:
                datagram = parse(data, self._key)
            except DatagramError as error:
                self._refuse(error.reason, address)
                continue
            if datagram.version == 1:
                self.counters.version_1 += 1
            else:
                self.counters.version_2 += 1
                if datagram.flags and Flag.RESENT in datagram.flags:
                    self.counters.resent_by_box += 1
                self._spool.note_signed(datagram.mac)
            self._roster.note(datagram, self._now)
            if self._clock_right:
                wall = time.time()
                self._decide(datagram, data, address, wall, wall)
            else:
                held = Held(datagram, data, address, self._now)
                if not self._holding.hold(_identity(datagram, data, datagram.timestamp), held):
                    self._not_taken("too many readings wait for the clock")

    def _decide(self, datagram: Datagram, data: bytes, address: Address, wall: float, arrived: float) -> None:
        verdict = self._judge.judge(datagram, wall, arrived)
        if isinstance(verdict, Refusal):
            self._refuse(verdict, address, datagram)
            if datagram.version != 1:
                self._roster.refused(datagram)
                self._acknowledge(data, address, refused=True)
        else:
            self._take(datagram, data, address, verdict)

    def _take(self, datagram: Datagram, data: bytes, address: Address, timestamp: int) -> None:
        identity = _identity(datagram, data, timestamp)
        known = self._ledger.find(identity)
        if known is not None:
            known.address = address
            if known.row is not None:
                self._acknowledge(data, address)
            return
        if datagram.flags and Flag.RESENT in datagram.flags and self._spooled(identity):
            self._acknowledge(data, address)
            return
        if self._ledger.live >= self._limits.unspooled:
            self._not_taken("nothing is confirmed and the spool takes nothing")
            return
        self._id_number += 1
        reading_id = f"{self._id_prefix}-{self._id_number:x}"
        self._ledger.add(
            Entry(
                id=reading_id,
                identity=identity,
                message=encode_reading(reading_of(datagram, timestamp=timestamp, reading_id=reading_id)),
                arrived=self._now,
                datagram=None if datagram.version == 1 else data,
                address=address,
            )
        )
        if self._home_assistant is not None:
            started = time.time() - (self._now - self._started)
            amps = datagram.current_ma / 1000
            self._home_assistant.reading(datagram.mac, datagram.device, timestamp, amps, started)

    def _refuse(self, reason: Refusal, address: Address, datagram: Datagram | None = None) -> None:
        self.counters.refuse(reason)
        sender = str(address[0]) if datagram is None else f"{format_mac(datagram.mac)} at {address[0]}"
        self._throttled.warning(
            reason, "refused a datagram of %s: %s", sender, _ADVICE.get(reason, f"wrong {reason.value}")
        )

    def _not_taken(self, why: str) -> None:
        self.counters.not_taken += 1
        self._throttled.warning("not taken", "a reading was not taken: %s; version 2 boxes keep theirs", why)

    def _acknowledge(self, data: bytes, address: Address, *, refused: bool = False) -> None:
        if self._boxes.send(acknowledgement(data, self._key, refused=refused), address):
            self.counters.acknowledged += 1

    def _acknowledge_entry(self, entry: Entry) -> None:
        if entry.datagram is not None and entry.address is not None:
            self._acknowledge(entry.datagram, entry.address)

    def _up(self) -> None:
        self._ledger.reconnected()
        self._told = (float("-inf"), ())
        for topic, payload in self._discovery.messages.items():
            self._publisher.publish_to(topic, payload, retain=True)

    def _discovered(self, topic: str, payload: bytes) -> None:
        if self._discovery.is_stale(topic, payload):
            self._publisher.publish_to(topic, b"", retain=True)

    def _confirmed(self, ids: list[str]) -> None:
        for reading_id in ids:
            entry = self._ledger.confirm(reading_id, self._now)
            if entry is None:
                self.counters.unmatched_confirmations += 1
                if self._spool.count:
                    self._spool.confirm_id(reading_id)
                continue
            self.counters.confirmed += 1
            if entry.row is None:
                self._acknowledge_entry(entry)
            else:
                self._spool.confirm_row(entry.row)

    def _foreign(self) -> None:
        self.counters.unmatched_confirmations += 1

    def _look_at_clock(self) -> None:
        marker = self._settings.clock_marker
        if self._clock_right or marker is None or self._now < self._clock_looked + self._timing.marker_poll:
            return
        self._clock_looked = self._now
        # Once right, the clock stays right for this process: it runs on even where its source is lost.
        self._clock_right = os.path.exists(marker)  # noqa: PTH110 - does not raise where it may not look
        if self._clock_right:
            _log.info("the clock is right: judging the %d readings that waited", len(self._holding))

    def _release_held(self) -> bool:
        """Decide about readings that waited for the clock; return whether more could be decided at once."""
        if not self._clock_right:
            return False
        wall = time.time()
        for _ in range(self._limits.datagrams_a_turn):
            held = self._holding.release() if self._ledger.live < self._limits.spool_early else None
            if held is None:
                return False
            arrived = wall - (self._now - held.arrived)
            self._decide(held.datagram, held.data, held.address, wall, arrived)
        return True

    def _spooled(self, identity: bytes) -> bool:
        try:
            return self._spool.holds(identity)
        except SpoolError as error:
            self._spool_failed(error)
            return False

    def _use_spool(self) -> None:
        if self._now >= self._next_commit:
            crowded = self._ledger.live > self._limits.spool_early
            overdue = self._ledger.overdue(self._now, keep=self._limits.spool_early // 2 if crowded else None)
            self._commit(overdue)
        if self._publisher.up and self._spool_state != "failing" and not self._spool.all_loaded:
            self._load()

    def _commit(self, entries: list[Entry]) -> None:
        self._next_commit = self._now + self._timing.spool_interval
        fitting = entries[: self._spool.room]
        try:
            if fitting:
                self._spool.store([Row(entry.id, entry.identity, entry.message) for entry in fitting])
            elif self._spool.unwritten:
                self._spool.flush()
            elif not entries and self._spool_state == "ready":
                self._shrink()
        except SpoolError as error:
            self._spool_failed(error)
            return
        self._spool_state = "ready"
        for entry in fitting:
            self.counters.spooled += 1
            self._ledger.forget(entry)
            self._acknowledge_entry(entry)
        if len(fitting) < len(entries):
            self._spool_state = "full"
            self.counters.spool_failures += 1
            self._throttled.warning(
                "full",
                "the spool is full with %d readings: find out why nothing is confirmed",
                self._spool.count,
            )

    def _shrink(self) -> None:
        if not self._busy:
            self._spool.shrink()

    def _load(self) -> None:
        most = self._limits.drain if self._ledger.confirming(self._now) else self._limits.probe
        if self._ledger.loaded + min(most // 2, self._limits.publications_a_turn) > most:
            return
        try:
            rows = self._spool.load(most - self._ledger.loaded)
        except SpoolError as error:
            self._spool_failed(error)
            return
        for row in rows:
            self._ledger.add(Entry(row.id, row.identity, row.message, arrived=self._now, row=row.n))

    def _spool_failed(self, error: SpoolError) -> None:
        self._spool_state = "failing"
        self._next_commit = self._now + self._timing.spool_retry
        self.counters.spool_failures += 1
        self._throttled.warning("spool", "%s; version 2 boxes keep their readings", error)
        if not error.damaged:
            return
        try:
            self._spool.begin_anew()
        except SpoolError as another:
            self._throttled.warning("anew", "%s", another)
        else:
            self._ledger.spool_lost(self._now)
            self._judge = Judge(require_signed=self._settings.require_signed_readings, signed=self._spool.signed)
            self._spool_state = "ready"
            self._next_commit = self._now

    def _publish(self) -> bool:
        """Publish what is due; return whether more could go out at once."""
        if self._ledger.next() is None:
            return False
        with self._publisher.together():
            for _ in range(min(self._publisher.room, self._limits.publications_a_turn)):
                entry = self._ledger.next()
                if entry is None or not self._publisher.publish(entry.message):
                    return False
                if entry.published:
                    self.counters.republished += 1
                else:
                    self.counters.published += 1
                self._ledger.sent(entry, self._now)
        return self._publisher.room > 0 and self._ledger.next() is not None

    def _tell(self) -> None:
        told_at, told = self._told
        state = self._states()
        age = self._now - told_at
        if age < self._timing.status_interval or (state == told and age < self._timing.status):
            return
        if state != told:
            self._service.status(self._sentence())
        self._publisher.publish_status(self._status())
        self._told = (self._now, state)

    def _tell_home_assistant(self, home_assistant: HomeAssistant) -> None:
        if not self._clock_right or not self._publisher.up:
            return
        self._next_states = self._now + self._timing.home_assistant
        for device, state in home_assistant.states(time.time()).items():
            self._publisher.publish_to(self._discovery.state_topic(device), state, retain=False)

    def _states(self) -> tuple[str, ...]:
        stalled = self._ledger.oldest_age(self._now) >= self._timing.stall
        return (
            "right" if self._clock_right else "waiting",
            self._spool_state if self._spool_state != "ready" or not self._spool.count else "in use",
            "stalled" if stalled else "flowing",
            "connected" if self._publisher.up else "disconnected",
        )

    def _sentence(self) -> str:
        clock, spool, confirmations, broker = self._states()
        return (
            f"UDP port {self.port}; broker {broker}; confirmations {confirmations}; "
            f"spool {spool} ({self._spool.count}); clock {clock}"
        )

    def _status(self) -> dict[str, object]:
        clock, spool, confirmations, _broker = self._states()
        self.counters.denied_by_broker = self._publisher.denied
        return {
            "version": __version__,
            "python": platform.python_version(),
            "uptime_s": int(self._now - self._started),
            "clock": clock,
            "spool": spool,
            "confirmations": confirmations,
            "queue": {
                "memory": self._ledger.live,
                "spool": self._spool.count,
                "waiting_for_clock": len(self._holding),
                "oldest_unconfirmed_s": int(self._ledger.oldest_age(self._now)),
                "lag_s": self._lag(),
            },
            "disk": {"spool_bytes": self._spool.size(), "free_bytes": self._spool.free()},
            "boxes": self._roster.as_list(self._now, time.time() if self._clock_right else None),
            "counters": self.counters.as_dict(),
        }

    def _lag(self) -> int:
        """Return for how long (s) the oldest unconfirmed reading has waited, one in the spool since it was measured."""
        lag = self._ledger.oldest_age(self._now)
        try:
            oldest = self._spool.oldest()
        except SpoolError as error:
            self._spool_failed(error)
            oldest = None
        if oldest is not None and self._clock_right:
            lag = max(lag, time.time() - decode_reading(oldest).timestamp)
        return int(lag)

    def _finish(self, selector: selectors.BaseSelector) -> None:
        self._service.stop()
        self._now = time.monotonic()
        for _ in range(2):  # the first attempt may find the spool damaged and begin a new one
            if self._ledger.live or self._spool.unwritten:
                self._commit(self._ledger.overdue(self._now, keep=0))
        if self._home_assistant is not None:
            self._home_assistant.save()
        _log.info("stopping; %d readings in the spool, %d left with their boxes", self._spool.count, self._ledger.live)
        self._publisher.close(selector)
        self._boxes.close()
        self._spool.close()


def _identity(datagram: Datagram, data: bytes, timestamp: int) -> bytes:
    """What two datagrams of one reading have in common: MAC, device, time, current and sequence."""
    if datagram.version == 1:
        return data[:6] + timestamp.to_bytes(4) + data[10:]
    return data[4:11] + data[12:24]


def main(argv: list[str] | None = None) -> int:
    """Run the daemon; return 2 where the configuration, 1 where the machine prevents it."""
    parser = argparse.ArgumentParser(prog="ecms-udp-to-mqtt", description=__doc__)
    parser.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help="default: %(default)s")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument("--check", action="store_true", help="only check configuration and credentials")
    arguments = parser.parse_args(argv)
    configure_logging()
    service = Service()

    def build() -> Hub:
        settings = HubSettings.from_file(arguments.config)
        return Hub(settings, household_key(), credential("mqtt_password"), service)

    try:
        if arguments.check:
            household_key()
            credential("mqtt_password")
            MqttLink.check(HubSettings.from_file(arguments.config).mqtt)
            print(f"the configuration {arguments.config} is right")
            return 0
        service.install_signal_handlers()
        service.begin(build, ConfigError, BoxSocketError, SpoolError).run()
    except ConfigError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    except (BoxSocketError, SpoolError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
