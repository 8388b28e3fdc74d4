"""``ecms-mqtt-to-mysql``: what the project's first document calls mqtt_to_mysql.py.

One loop, one thread: messages come in, batches go to the database, and after the commit their ids go out.
"""

from __future__ import annotations

import argparse
import logging
import random
import secrets
import selectors
import socket
import sys
import time
from collections import Counter
from pathlib import Path

import ecms_bridge
from ecms_bridge import names
from ecms_bridge.config import ConfigError, credential
from ecms_bridge.messages import encode_confirmation
from ecms_bridge.mqtt import MqttLink
from ecms_bridge.service import Service, configure_logging
from ecms_bridge.throttle import ThrottledLog
from ecms_bridge.writer.database import DatabaseUnavailableError, ReadingsDatabase, UnknownHouseholdError
from ecms_bridge.writer.inbox import Batch, Inbox
from ecms_bridge.writer.settings import Settings

DEFAULT_CONFIG = Path("/etc/ecms/mqtt_to_mysql.toml")

_IDS_A_MESSAGE = 500
"""With 40 characters an id this stays below half of the 64 KB a broker takes."""

_LONGEST_WAIT_S = 0.5
_UPKEEP_EVERY_S = 5.0
_LOOK_AGAIN_S = 30.0
_FIRST_RETRY_S = 1.0
_MAX_RETRY_S = 30.0
_ASIDE_AFTER_S = 10.0
"""So long may the database be away before a writer that shares the load leaves it to the others."""

_log = logging.getLogger(__name__)


class Writer:
    """The loop between broker and database."""

    def __init__(self, settings: Settings, mqtt_password: str, database_password: str, service: Service) -> None:
        self._service = service
        self._inbox = Inbox(settings.max_readings, settings.max_age_s)
        self._database = ReadingsDatabase(settings.database, database_password, progress=service.alive)
        self._link = MqttLink(
            settings.mqtt,
            mqtt_password,
            # Nobody else can know it: to Mosquitto an id is one for all users, and ends the session that has it.
            f"{names.WRITER_USER}-{socket.gethostname()}-{secrets.token_hex(8)}",
            settings.subscriptions(),
            on_message=self._inbox.add,
            on_up=lambda: None,
        )
        self._selector = selectors.DefaultSelector()
        self._throttled = ThrottledLog(_log)
        self._counts: Counter[str] = Counter()
        self._retry_s = _FIRST_RETRY_S
        self._retry_at = float("-inf")
        self._away_since: float | None = None
        self._shares = bool(settings.shared_group)
        self._next_upkeep = float("-inf")
        self._next_look = float("-inf")
        self._told = (0, 0)

    def run(self) -> None:
        """Work until the service is told to stop, then store and confirm what is in hand."""
        while not self._service.stopping:
            self._turn()
            self._service.ready("waiting for readings")
            self._service.alive()
        self._service.stop()
        self._finish()

    def _turn(self) -> None:
        hidden = self._link.prepare(self._selector)
        ready = self._selector.select(0 if hidden else self._patience())
        if ready or hidden:
            # The answers to all messages of a turn travel together.
            with self._link.together():
                for _key, events in ready:
                    self._link.handle(events)
                if hidden:
                    self._link.handle(selectors.EVENT_READ)
        self._link.tick()
        now = time.monotonic()
        if now >= self._retry_at and self._store_due():
            self._release()
            if self._link.resting:
                self._come_back()
        if now >= self._next_upkeep:
            self._next_upkeep = now + _UPKEEP_EVERY_S
            self._keep_up()

    def _store_due(self) -> bool:
        """Store all batches that are due, before anything more is read: so the broker waits when we are slow."""
        while due := self._inbox.due():
            for slug in due:
                if not self._store(self._inbox.batch(slug)):
                    return False
        return True

    def _patience(self) -> float:
        now = time.monotonic()
        wait = max(self._inbox.seconds_until_due(), self._retry_at - now)
        if self._database.releasable() and now >= self._retry_at:
            return 0.0
        return min(max(wait, 0.0), _LONGEST_WAIT_S)

    def _store(self, batch: Batch) -> bool:
        """Store and confirm a batch; return whether the database answers."""
        try:
            outcome = self._database.store(batch)
        except UnknownHouseholdError as error:
            self._throttled.warning(f"unknown {batch.slug}", "%s", error)
            self._inbox.refuse(batch.slug, _LOOK_AGAIN_S)
            return True
        except DatabaseUnavailableError as error:
            self._back_off(error)
            return False
        self._retry_s = _FIRST_RETRY_S
        self._away_since = None
        self._inbox.done(batch)
        self._confirm(batch)
        self._counts.update(
            stored=outcome.stored,
            repeated=outcome.repeated,
            quarantined=outcome.quarantined,
            dead=outcome.dead,
        )
        return True

    def _confirm(self, batch: Batch) -> None:
        ids = batch.ids()
        topic = names.confirmations_topic(batch.slug)
        for start in range(0, len(ids), _IDS_A_MESSAGE):
            # If there is no connection now, the hub sends again and is confirmed then.
            self._link.publish(topic, encode_confirmation(ids[start : start + _IDS_A_MESSAGE]))

    def _release(self) -> None:
        for slug in self._database.releasable():
            if not self._try_release(slug):
                return

    def _try_release(self, slug: str) -> bool:
        try:
            self._database.release(slug)
        except UnknownHouseholdError as error:
            self._throttled.warning(f"unknown {slug}", "%s", error)
        except DatabaseUnavailableError as error:
            self._back_off(error)
            return False
        return True

    def _keep_up(self) -> None:
        """Do what is not hurried by a message: late notes, a look for new appliances, the status line."""
        now = time.monotonic()
        if now >= self._retry_at:
            for slug in self._database.overdue():
                if not self._store(Batch(slug)):
                    break
        if now >= max(self._next_look, self._retry_at):
            self._next_look = now + _LOOK_AGAIN_S
            for slug in self._database.quarantined():
                if not self._try_release(slug):
                    break
        told = (self._inbox.dropped, self._inbox.refused)
        if told != self._told:
            self._throttled.warning(
                "left out",
                "left out %d messages because too many wait for the database, and %d of households that are not "
                "set up or of no known kind; hubs send their readings again",
                *told,
            )
            self._told = told
        self._service.status(
            ", ".join(f"{count} {kind}" for kind, count in self._counts.items())
            + f", {self._inbox.held} waiting, broker {'connected' if self._link.up else 'away'}"
        )

    def _come_back(self) -> None:
        """Take a share again if the database answers."""
        try:
            self._database.look()
        except DatabaseUnavailableError as error:
            self._back_off(error)
            return
        _log.info("the database answers again: back at the broker")
        self._retry_s = _FIRST_RETRY_S
        self._away_since = None
        self._link.resume()

    def _back_off(self, error: DatabaseUnavailableError) -> None:
        self._throttled.warning(
            "database", "%s; %d readings wait here, the others at their hubs", error, self._inbox.held
        )
        now = time.monotonic()
        self._away_since = now if self._away_since is None else self._away_since
        if self._shares and not self._link.resting and now - self._away_since >= _ASIDE_AFTER_S:
            # Its share would come here again and again, though another writer may reach the database.
            _log.warning("leaving the broker until the database answers: the readings go to the other writers")
            self._link.rest()
        # Jitter, so that several writers do not return in the same instant.
        self._retry_at = time.monotonic() + self._retry_s * random.uniform(0.5, 1.0)  # noqa: S311
        self._retry_s = min(self._retry_s * 2, _MAX_RETRY_S)

    def _finish(self) -> None:
        self._database.hasten()
        if self._store_all() and time.monotonic() >= self._retry_at:
            for slug in self._database.hasten():
                if not self._store(Batch(slug)):
                    break
        self._link.close(self._selector)
        self._database.close()
        self._selector.close()
        _log.info("stopped; stored %d readings, %d wait at their hubs", self._counts["stored"], self._inbox.held)

    def _store_all(self) -> bool:
        while waiting := self._inbox.waiting():
            if not self._store(self._inbox.batch(waiting[0])):
                return False
            self._service.alive()
        return True


def main() -> None:
    """Run the daemon; exit with 2 after one sentence if its configuration cannot be used."""
    options = _parser().parse_args()
    configure_logging()
    service = Service()

    def build() -> Writer:
        settings = Settings.from_file(options.config)
        return Writer(settings, credential("mqtt_password"), credential("database_password"), service)

    try:
        if options.check:
            build()
            print("the configuration is sound")
            return
        service.install_signal_handlers()
        service.begin(build, ConfigError).run()
    except ConfigError as error:
        print(f"ecms-mqtt-to-mysql: {error}", file=sys.stderr)
        sys.exit(2)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ecms-mqtt-to-mysql", description="Store readings from MQTT in MySQL and confirm them."
    )
    parser.add_argument("--version", action="version", version=ecms_bridge.__version__)
    parser.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help=f"TOML file (default {DEFAULT_CONFIG})")
    parser.add_argument("--check", action="store_true", help="only check configuration and credentials")
    return parser
