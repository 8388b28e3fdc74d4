"""What can go wrong on a hub that runs: a clear sentence each, a quiet journal, nothing lost, and it heals by itself.

Boxes send all the while, and each test ends with what they measured against what is stored, row by row.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
import warnings
from collections.abc import Iterator

import pytest

from contract.hub.rig import until
from e2e.clients import TLS_PORT, broker_admits, database_admits, mqtt_client
from e2e.home import Home
from e2e.journal import Journal
from e2e.load import Load
from ecms_bridge import names
from hub import Hub, ProvisionError, announced_port

pytestmark = pytest.mark.timeout(900)

HUB, WRITER, BROKER, DATABASE = "ecms-udp-to-mqtt", "ecms-mqtt-to-mysql", "mosquitto", "mariadb"
SPOOL_DIRECTORY = "/var/lib/ecms-udp-to-mqtt"
FIRST_BOX = 30_000
CALM, BUSY = 4, 60
"""Readings a second and box: at the busy pace 10,000 unconfirmed ones soon are there, which go to the spool early."""
OUTAGE_S, LONG_OUTAGE_S = 10.0, 20.0
"""A flood of every reading would show within the first; in the second the spool takes over."""
LINES_OF_OURS, LINES_OF_SERVERS = 12, 200
"""So many lines at most may one of our daemons, or a server that systemd starts again and again, write in a minute."""
MARGIN_MB = 32
"""MariaDB makes a file of 12 MB for temporary tables when it starts."""
UNPLUGGED = """[Unit]
DefaultDependencies=no
Before=sysinit.target
[Service]
Type=oneshot
ExecStart=/usr/sbin/ip link set eth0 down
[Install]
WantedBy=sysinit.target
"""
OCCUPANT = """
import socket, time
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("0.0.0.0", {port}))
servers = [socket.create_server(("127.0.0.1", port)) for port in (1883, 3306)]
print("all three are taken", flush=True)
time.sleep(600)
"""


def load(home: Home, number: int, per_second: int = CALM) -> Load:
    return Load(home.hub, first_box=FIRST_BOX + 100 * number, per_second=per_second)


def systemctl(hub: Hub, *words: str) -> None:
    hub.machine.run(["systemctl", *words])


def test_aliens_on_the_topic_and_forged_confirmations(home: Home) -> None:
    hub, boxes = home.hub, load(home, 0)
    with boxes.meanwhile():
        journals = {unit: Journal(hub.machine, unit) for unit in (HUB, WRITER, BROKER)}
        before = int(hub.query("SELECT dead_letters FROM writer_state")[0][0])
        payloads = (b"\xff\x00 not JSON", b"[" * 60_000, b"{}", json.dumps({"household": "other"}).encode())
        client = mqtt_client(home, hub.slug, home.secret(f"mqtt_{hub.slug}"))
        forged: list[bool] = []
        answered = threading.Event()

        def published(_client: object, _data: object, number: int, reason: object, _properties: object) -> None:
            if number == confirmation.mid:
                forged.append(not getattr(reason, "is_failure"))  # noqa: B009 - paho's type is not exported
                answered.set()

        client.on_publish = published
        client.connect(hub.machine.address, TLS_PORT)
        client.loop_start()
        confirmation = client.publish(names.confirmations_topic(hub.slug), b"[]", qos=1)
        assert answered.wait(15)
        for number in range(1000):
            client.publish(names.readings_topic(hub.slug), payloads[number % len(payloads)], qos=1)
        client.publish(names.readings_topic(hub.slug), b"I stay", qos=1, retain=True)
        wanted = before + 1001
        deadline = time.monotonic() + 60
        while int(hub.query("SELECT dead_letters FROM writer_state")[0][0]) < wanted:
            assert time.monotonic() < deadline
            time.sleep(0.5)
        client.publish(names.readings_topic(hub.slug), b"", qos=1, retain=True).wait_for_publish(15)
        client.disconnect()
        client.loop_stop()
        assert forged == [False]
        journals[WRITER].wait_for("can never be stored (json): see the table dead_letter")
        for journal in journals.values():
            assert len(journal.lines()) <= LINES_OF_OURS, journal.lines()
    boxes.check_stored()


def test_a_full_disk_under_the_spool(home: Home) -> None:
    hub, boxes = home.hub, load(home, 1)
    with on_a_small_disk(hub, SPOOL_DIRECTORY, HUB):
        fill(hub, SPOOL_DIRECTORY)
        systemctl(hub, "stop", BROKER)
        journal = Journal(hub.machine, HUB)
        with boxes.meanwhile():
            # At once, since it is also kept on disk which boxes sign.
            line = journal.wait_for(f"the spool {SPOOL_DIRECTORY}/spool.sqlite cannot be used")
            assert line.endswith("database or disk is full; version 2 boxes keep their readings")
            time.sleep(OUTAGE_S)
            assert not any(box.statistics.acknowledged for box in boxes.boxes)
            assert len(journal.lines()) <= LINES_OF_OURS, journal.lines()
            make_room(hub, SPOOL_DIRECTORY)
            systemctl(hub, "start", BROKER)
    boxes.check_stored()


def test_a_full_disk_under_the_database(home: Home) -> None:
    hub, boxes = home.hub, load(home, 2, BUSY)
    with on_a_small_disk(hub, "/var/lib/mysql", DATABASE), boxes.meanwhile():
        fill(hub, "/var/lib/mysql")
        ours, servers = Journal(hub.machine, WRITER), Journal(hub.machine, DATABASE)

        full = "the disk of the database at"

        def died() -> bool:
            return int(hub.status(DATABASE)["NRestarts"]) > 0

        # Where taking a transaction back needs room itself, InnoDB says so to nobody but dies ("Out of disk space in
        # rollback"), and dies again whenever it is back.
        until(lambda: died() or any(full in line for line in ours.lines()), "a word of the full disk", 120.0)
        if died():
            ours.wait_for("does not answer")
            warnings.warn("MariaDB died of the full disk:\n" + "\n".join(servers.lines()[-200:]), stacklevel=1)
        else:
            assert "make room" in ours.wait_for(full)
        time.sleep(LONG_OUTAGE_S)
        assert len(ours.lines()) <= LINES_OF_OURS, ours.lines()
        # The traces that a dying server leaves are its own.
        assert died() or len(servers.lines()) <= LINES_OF_SERVERS, servers.lines()
        make_room(hub, "/var/lib/mysql")
    boxes.check_stored()


def test_wrong_passwords(home: Home) -> None:
    hub, boxes = home.hub, load(home, 3)
    users = {hub.slug: f"mqtt_{hub.slug}", names.WRITER_USER: f"mqtt_{names.WRITER_USER}"}
    with boxes.meanwhile():
        ours, theirs = Journal(hub.machine, HUB), Journal(hub.machine, WRITER)
        for user in users:
            set_broker_password(home, user, "another-password-0")
        set_database_password(hub, "another-password-0")
        for user, journal in ((hub.slug, ours), (names.WRITER_USER, theirs)):
            line = journal.wait_for(f"the broker refuses the user {user!r}")
            assert line.endswith("run the playbook again to set its password")
        for user, name in users.items():
            set_broker_password(home, user, home.secret(name))
            assert broker_admits(home, user, home.secret(name))
        theirs.wait_for(f"refuses the user {names.WRITER_USER!r}: run the playbook again to set its password")
        time.sleep(OUTAGE_S)
        for journal in (ours, theirs):
            assert len(journal.lines()) <= LINES_OF_OURS, journal.lines()
        set_database_password(hub, home.secret(f"database_{names.WRITER_USER}"))
    boxes.check_stored()


def test_ports_that_are_taken(home: Home) -> None:
    hub, boxes = home.hub, load(home, 4)
    port = hub.udp_port()
    sentences = {
        HUB: f"cannot receive on UDP port {port} of 0.0.0.0: Address already in use; "
        "stop the program that uses it or set ecms_udp_port",
        BROKER: "Error: Address already in use",
        DATABASE: "Can't start server: Bind on TCP/IP port",
    }
    with boxes.meanwhile():
        journals = {unit: Journal(hub.machine, unit) for unit in (*sentences, WRITER)}
        systemctl(hub, "stop", *sentences)
        occupant = Journal(hub.machine, "occupant")
        hub.machine.run(
            ["systemd-run", "--unit=occupant", "--collect", "/usr/bin/python3", "-c", OCCUPANT.format(port=port)]
        )
        occupant.wait_for("all three are taken")
        begun = time.monotonic()
        try:
            systemctl(hub, "start", "--no-block", *sentences)
            for unit, sentence in sentences.items():
                journals[unit].wait_for(sentence)
            with pytest.raises(ProvisionError, match="stop the program that uses it or set ecms_udp_port"):
                home.run("--tags", "bridge")
            assert f"{HUB} does not run on {home.host}; its journal ends with:" in " ".join(home.output().split())
            # what a minute of it may write
            minutes = max(1.0, (time.monotonic() - begun) / 60)
            for unit, journal in journals.items():
                bound = LINES_OF_OURS if unit in {HUB, WRITER} else LINES_OF_SERVERS
                assert len(journal.lines()) <= bound * minutes, (unit, len(journal.lines()), journal.lines()[-60:])
        finally:
            systemctl(hub, "stop", "occupant")
    boxes.check_stored()


def test_a_clock_that_is_not_set(home: Home) -> None:
    hub, boxes = home.hub, load(home, 5)
    systemctl(hub, "stop", HUB, "ecms-clock")
    hub.machine.run(["rm", "/run/ecms/clock-synchronised"])
    journal = Journal(hub.machine, HUB)
    systemctl(hub, "start", HUB)
    before = sum(hub.counts().values())
    with boxes.meanwhile():
        journal.wait_for("the clock is not right yet: readings wait for /run/ecms/clock-synchronised")
        time.sleep(OUTAGE_S)
        assert sum(hub.counts().values()) == before
        assert not any(box.statistics.acknowledged for box in boxes.boxes)
        assert len(journal.lines()) <= LINES_OF_OURS, journal.lines()
        systemctl(hub, "start", "ecms-clock")
        journal.wait_for("the clock is right: judging the ")
    boxes.check_stored()


def test_no_network_at_boot(home: Home) -> None:
    hub, boxes = home.hub, load(home, 6)
    hub.machine.write("/etc/systemd/system/unplugged.service", UNPLUGGED)
    systemctl(hub, "enable", "unplugged")
    with boxes.meanwhile():
        hub.machine.cut_power()
        hub.machine.start(reachable=False)
        try:
            wait_until_active(hub, HUB, WRITER, BROKER, DATABASE, "avahi-daemon")
            assert "state DOWN" in hub.machine.run(["ip", "link", "show", "eth0"]).stdout
        finally:
            systemctl(hub, "disable", "unplugged")
            hub.machine.connect()
        hub.machine.wait_until_reachable()
        assert announced_port(hub.machine.address) == hub.udp_port()
    boxes.check_stored()


def wait_until_active(hub: Hub, *units: str) -> None:
    deadline = time.monotonic() + 120
    # Soon after its start the machine may not even answer.
    while hub.machine.run(["systemctl", "is-active", *units], check=False).stdout.split() != ["active"] * len(units):
        assert time.monotonic() < deadline, hub.machine.run(["systemctl", "--failed"], check=False).stdout
        time.sleep(1)


def test_a_run_that_is_killed_in_its_middle_is_completed_by_the_next(home: Home) -> None:
    hub, boxes = home.hub, load(home, 7)
    users = {f"mqtt_{user}": user for user in (hub.slug, names.WRITER_USER)} | {"mqtt_admin": names.ADMIN_USER}
    accounts = {f"database_{user}": user for user in (names.WRITER_USER, names.ADMIN_USER)}
    old = home.forget(*users, *accounts)
    home.change(ecms_udp_port=hub.udp_port() + 1)
    with boxes.meanwhile():
        home.interrupt("database : Password of the administrator, for its own tools", "--tags", "database")
        home.interrupt("mosquitto : Is anything newer than the running broker?", "--tags", "mosquitto")
        home.interrupt("bridge : Unit of ecms-udp-to-mqtt", "--tags", "bridge")
        tags = ("--tags", "database,mosquitto,bridge,mdns")
        home.run(*tags)
        assert home.run(*tags).changed == 0
        for name, user in users.items():
            assert broker_admits(home, user, home.secret(name))
            assert not broker_admits(home, user, old[name])
        for name, user in accounts.items():
            assert database_admits(hub, user, home.secret(name))
            assert not database_admits(hub, user, old[name])
    boxes.check_stored()


@contextlib.contextmanager
def on_a_small_disk(hub: Hub, directory: str, unit: str) -> Iterator[None]:
    """Have a unit's directory on a disk of its own with little room, and bring it back afterwards."""
    run = hub.machine.run
    systemctl(hub, "stop", unit)
    size = int(run(["du", "--summarize", "--block-size=1M", directory]).stdout.split()[0]) + MARGIN_MB
    attributes = run(["stat", "--format=mode=%a,uid=%u,gid=%g", directory]).stdout.strip()
    aside = f"{directory}.aside"
    run(["mv", directory, aside])
    run(["mkdir", directory])
    run(["mount", "-t", "tmpfs", "-o", f"size={size}m,{attributes}", "tmpfs", directory])
    run(["cp", "--archive", f"{aside}/.", directory])
    systemctl(hub, "start", unit)
    try:
        yield
    finally:
        systemctl(hub, "stop", unit)
        run(["rm", "--force", f"{directory}/filler"])
        run(["rm", "--recursive", "--force", aside])
        run(["cp", "--archive", directory, aside])
        run(["umount", "--lazy", directory])
        run(["rmdir", directory])
        run(["mv", aside, directory])
        systemctl(hub, "start", unit)


def fill(hub: Hub, directory: str) -> None:
    done = hub.machine.run(["dd", "if=/dev/zero", f"of={directory}/filler", "bs=4k"], check=False)
    assert "No space left on device" in done.stderr


def make_room(hub: Hub, directory: str) -> None:
    hub.machine.run(["rm", f"{directory}/filler"])


def set_broker_password(home: Home, user: str, password: str) -> None:
    """Set a user's password at the broker, past the playbook."""
    command = {"command": "setClientPassword", "username": user, "password": password}
    client = mqtt_client(home, names.ADMIN_USER, home.secret("mqtt_admin"))
    client.connect(home.hub.machine.address, TLS_PORT)
    client.loop_start()
    payload = json.dumps({"commands": [command]})
    client.publish("$CONTROL/dynamic-security/v1", payload, qos=1).wait_for_publish(15)
    client.disconnect()
    client.loop_stop()


def set_database_password(hub: Hub, password: str) -> None:
    """Set the writer's password at the database, past the playbook, and end its sessions."""
    hub.query(f"ALTER USER '{names.WRITER_USER}'@localhost IDENTIFIED BY '{password}'")
    hub.query(f"KILL USER '{names.WRITER_USER}'@localhost")
