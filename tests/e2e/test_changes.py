"""What a household may change: exactly that changes, only what must restarts, and no reading is lost or doubled.

Boxes send all the while, and each test compares what they measured with what is stored, row by row.
"""

from __future__ import annotations

import datetime as dt
import re
import socket
import ssl
import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from e2e.clients import broker_admits, database_admits
from e2e.home import Home, restarted
from e2e.load import Load
from ecms_bridge import names
from hub import announced_port, announces_name

pytestmark = pytest.mark.timeout(1200)

PER_SECOND = 4
FIRST_BOX = 10_000
ZONE = "Europe/Lisbon"
RATING_FROM = dt.date(2026, 1, 1)
OLD_DAYS, KEPT_DAYS = 60, 30
OLD_MAC = "0200000000EE"
OLD_ROW = f"WHERE mac = x'{OLD_MAC}'"
NEW_PORT = 4299
HOSTNAME = "casa-nostra"


@pytest.fixture
def load(home: Home, request: pytest.FixtureRequest) -> Iterator[Load]:
    """Boxes that send while the test runs, and the proof at its end."""
    number = sum(map(ord, request.node.name)) % 150
    load = Load(home.hub, first_box=FIRST_BOX + 100 * number, per_second=PER_SECOND)
    with load.meanwhile():
        yield load
    load.check_stored()


def test_a_check_shows_everything_changes_nothing_and_hides_secrets(home: Home, load: Load) -> None:
    before, kept = home.variables(), {path.name: path.read_text() for path in home.hub.secrets.iterdir()}
    held = [home.secret(name) for name in _rotated(home)]
    wanted = {name: f"Sentinel-of-{name}" for name in _rotated(home)}
    units, state = home.hub.invocations(), _state(home)
    home.change(
        ecms_udp_port=NEW_PORT,
        ecms_hub_hostname=HOSTNAME,
        ecms_timezone=ZONE,
        ecms_retention_days=KEPT_DAYS,
        ecms_devices=_devices(home, name="lavatrice nuova", valid_from=RATING_FROM, voltage_v=225),
        ecms_secrets=wanted,
    )
    try:
        run = home.run("--check", "--diff", "-vvv")
    finally:
        home.write(before)
    output = home.output()
    assert run.changed
    for line in (
        f"+port = {NEW_PORT}",
        f"+host-name={HOSTNAME}",
        "-port = 4210",
        "appliance 1: rename 'lavatrice' to 'lavatrice nuova'",
        "225",
        f'"retention_days": {KEPT_DAYS}',
    ):
        assert line in output, line
    assert not [secret for secret in (*held, *wanted.values(), home.secret("household_key")) if secret in output]
    assert restarted(units, home.hub.invocations()) == set()
    assert _state(home) == state
    assert {path.name: path.read_text() for path in home.hub.secrets.iterdir()} == kept


def test_zone_retention_an_appliance_and_the_passwords_of_people_restart_nothing(home: Home, load: Load) -> None:
    hub = home.hub
    reader, admin = (f"database_{user}" for user in (names.grafana_user(hub.slug), names.ADMIN_USER))
    _store_old_row(home)
    old = home.forget(reader, admin)
    devices = _devices(home, name="lavatrice nuova", valid_from=RATING_FROM, voltage_v=225)
    home.change(ecms_timezone=ZONE, ecms_retention_days=KEPT_DAYS, ecms_devices=devices)
    before = hub.invocations()
    home.run()
    assert restarted(before, hub.invocations()) == set()

    assert hub.machine.run(["date", "+%Z %z"]).stdout.split() == _clock_in(ZONE)
    day = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=3)
    begins = dt.datetime.combine(day, dt.time(), zoneinfo.ZoneInfo(ZONE))
    assert hub.query(f"SELECT UNIX_TIMESTAMP(begins) FROM calendar WHERE day = '{day}'") == [
        (str(int(begins.timestamp())),)
    ]
    assert hub.devices()[1] == "lavatrice nuova"
    assert hub.query("SELECT voltage_v FROM device_rating WHERE idDevice = 1 ORDER BY valid_from") == [
        ("230.00",),
        ("225.00",),
    ]
    midnight = dt.datetime.combine(RATING_FROM, dt.time(), zoneinfo.ZoneInfo(ZONE))
    assert hub.query("SELECT UNIX_TIMESTAMP(MAX(valid_from)) FROM device_rating WHERE idDevice = 1") == [
        (str(int(midnight.timestamp())),)
    ]
    table = names.data_table(hub.slug)
    assert hub.query(f"SELECT COUNT(*) FROM {table} {OLD_ROW}") == [("1",)]
    hub.machine.run(["systemctl", "start", "ecms-maintenance.service"])
    assert hub.query(f"SELECT COUNT(*) FROM {table} {OLD_ROW}") == [("0",)]
    for name, user in ((reader, names.grafana_user(hub.slug)), (admin, names.ADMIN_USER)):
        assert database_admits(hub, user, home.secret(name))
        assert not database_admits(hub, user, old[name])


def test_a_port_and_passwords_restart_those_who_use_them(home: Home, load: Load, stranger: Stranger) -> None:
    """The run is limited to one of two homes; the other one's machine is not even asked."""
    hub = home.hub
    household, writer, database = f"mqtt_{hub.slug}", f"mqtt_{names.WRITER_USER}", f"database_{names.WRITER_USER}"
    old = home.forget(household, writer, database)
    before = hub.invocations()
    home.change(ecms_udp_port=NEW_PORT)
    home.run("--limit", home.host, beside=[stranger.inventory])
    assert restarted(before, hub.invocations()) == {"ecms-udp-to-mqtt", "avahi-daemon", "ecms-mqtt-to-mysql"}
    assert hub.udp_port() == announced_port(hub.machine.address) == NEW_PORT
    for name, user in ((household, hub.slug), (writer, names.WRITER_USER)):
        assert broker_admits(home, user, home.secret(name))
        assert not broker_admits(home, user, old[name])
    assert database_admits(hub, names.WRITER_USER, home.secret(database))
    assert not database_admits(hub, names.WRITER_USER, old[database])
    assert "hub-stranger" not in home.output()
    assert not (stranger.inventory / ".secrets").exists()
    assert not stranger.was_asked()


def test_a_hostname_restarts_what_bears_it(home: Home, load: Load) -> None:
    hub = home.hub
    before = hub.invocations()
    home.change(ecms_hub_hostname=HOSTNAME)
    home.run()
    assert restarted(before, hub.invocations()) == {"avahi-daemon", "mosquitto"}
    assert hub.machine.run(["hostname"]).stdout.strip() == HOSTNAME
    assert announces_name(hub.machine.address, HOSTNAME)
    assert not announces_name(hub.machine.address, "pi")
    context = ssl.create_default_context(cafile=home.authority)
    for name, good in ((f"{HOSTNAME}.local", True), ("pi.local", False)):
        assert _is_certified(context, hub.machine.address, name) is good, name


def test_one_tag_touches_one_service(home: Home, load: Load) -> None:
    """With everything changed at once, ``--tags mosquitto`` sets the broker's admin password and nothing else."""
    hub = home.hub
    others = {"ecms_udp_port": NEW_PORT + 1, "ecms_timezone": "Europe/Rome", "ecms_retention_days": 100}
    old = home.forget("mqtt_admin")["mqtt_admin"]
    units, state = hub.invocations(), _state(home)
    unchanged = home.variables()
    home.change(**others)
    try:
        home.run("--tags", "mosquitto")
    finally:
        home.write(unchanged)
    assert restarted(units, hub.invocations()) == {"mosquitto"}
    assert _state(home) == state
    assert broker_admits(home, names.ADMIN_USER, home.secret("mqtt_admin"))
    assert not broker_admits(home, names.ADMIN_USER, old)


@dataclass
class Stranger:
    """Another home's inventory, and the port of its machine, where only this test listens."""

    inventory: Path
    port: socket.socket

    def was_asked(self) -> bool:
        """Return whether anybody has connected."""
        self.port.settimeout(0)
        try:
            self.port.accept()[0].close()
        except BlockingIOError:
            return False
        return True


@pytest.fixture
def stranger(home: Home) -> Iterator[Stranger]:
    directory = home.inventory.parent / "stranger"
    (directory / "group_vars/altra_casa").mkdir(parents=True, exist_ok=True)
    variables = {"ecms_household_name": "Altra Casa", "ecms_devices": [{"id": 1, "name": "forno"}]}
    (directory / "group_vars/altra_casa/household.yml").write_text(yaml.safe_dump(variables), encoding="utf-8")
    children: dict[str, object] = {
        group: {"children": {"altra_casa": {}}} for group in ("hub", "broker", "writer", "database")
    }
    with socket.create_server(("127.0.0.1", 0)) as port:
        reached = {"ansible_host": "127.0.0.1", "ansible_port": port.getsockname()[1]}
        children["altra_casa"] = {"hosts": {"hub-stranger": reached}}
        (directory / "hosts.yml").write_text(yaml.safe_dump({"all": {"children": children}}), encoding="utf-8")
        yield Stranger(directory, port)


def _rotated(home: Home) -> list[str]:
    return [
        f"mqtt_{home.hub.slug}",
        f"mqtt_{names.WRITER_USER}",
        "mqtt_admin",
        *(f"database_{user}" for user in (names.grafana_user(home.hub.slug), names.WRITER_USER, names.ADMIN_USER)),
    ]


def _devices(home: Home, name: str, valid_from: dt.date, voltage_v: int) -> list[dict[str, object]]:
    devices = home.variables()["ecms_devices"]
    assert isinstance(devices, list)
    first, *others = devices
    return [first | {"name": name, "ratings": [{"valid_from": valid_from, "voltage_v": voltage_v}]}, *others]


def _store_old_row(home: Home) -> None:
    slug = home.hub.slug
    home.hub.query(
        f"INSERT INTO {names.data_table(slug)} (updated_at, idDevice, mac, sensorData) "
        f"VALUES (UTC_TIMESTAMP() - INTERVAL {OLD_DAYS} DAY, 1, x'{OLD_MAC}', 1.0)"
    )


def _clock_in(zone: str) -> list[str]:
    return dt.datetime.now(zoneinfo.ZoneInfo(zone)).strftime("%Z %z").split()


def _state(home: Home) -> list[str]:
    """Everything a run could change: files with their times, the machine's name and zone, the database's contents."""
    hub = home.hub
    where = "/etc /opt/ecms /usr/local /var/lib/mosquitto"
    # The broker's own file is its business, and so is the time at which it is rewritten.
    files = f"find {where} -xdev ! -name 'mosquitto.db*' ! -name 'dynamic-security.json*' -printf '%p %m %U %s %T@\n'"
    tables = ("device", "device_rating", "box_assignment", "calendar", "schema_version")
    rows = [row for table in tables for row in hub.query(f"SELECT * FROM {table}")]
    users = hub.query("SELECT * FROM mysql.global_priv ORDER BY User, Host")
    listing = hub.machine.run(f"{files}; hostname; readlink /etc/localtime").stdout.splitlines()
    return [line for line in sorted(listing) if not re.match(r"/(etc|var/lib/mosquitto) ", line)] + [
        repr(row) for row in (*rows, *users)
    ]


def _is_certified(context: ssl.SSLContext, address: str, name: str) -> bool:
    with socket.create_connection((address, 8883), timeout=10) as plain:
        try:
            with context.wrap_socket(plain, server_hostname=name):
                return True
        except ssl.SSLCertVerificationError:
            return False
