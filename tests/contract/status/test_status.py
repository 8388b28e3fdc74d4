"""``ecms-status`` beside real daemons: what it says is what the tables hold, and what is down is said in time."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from dataclasses import replace
from typing import Any

import pytest

from contract.database.rig import Daemon
from contract.hub.rig import Box, RunningHub, configuration, until
from contract.status.conftest import ENVIRONMENT, House
from database.fixtures import PASSWORD, Users
from database.mosquitto import Broker as GuardedBroker
from ecms_bridge import __version__, names
from ecms_bridge.schema import grants
from ecms_bridge.schema.migrator import packaged_migrations
from ecms_bridge.status.installed import HUB_UNIT, WRITER_UNIT
from notrun import not_run

NOBODY = 65534
OTHER = bytes.fromhex("024543000002")


def only(report: dict[str, Any], house: House) -> dict[str, Any]:
    [household] = [h for h in report["households"] if h["slug"] == house.home.slug]
    return household  # type: ignore[no-any-return]


def sentences(report: dict[str, Any]) -> str:
    return "\n".join(f"{f['level']} {f['about']}: {f['sentence']}" for f in report["findings"])


def send(house: House, *boxes: Box, count: int = 3) -> None:
    for _ in range(count):
        for box in boxes:
            box.send()
            time.sleep(0.02)


def busy(house: House) -> None:
    """Start everything and store four readings, of boxes that belong to appliance 1."""
    house.start()
    boxes = [Box(house.hub.port), Box(house.hub.port, OTHER)]
    now = time.time()
    for age in (20, 10):
        for box in boxes:
            box.send(at=now - age)
    house.stored(4)


def counted(house: House, confirmed: int) -> dict[str, Any]:
    """Return the report once the hub's status, told each half second here, holds the confirmations."""

    def look() -> dict[str, Any] | None:
        _, report = house.report()
        hub = only(report, house)["hub"]
        return report if hub is not None and hub["counters"]["confirmed"] == confirmed else None

    report: dict[str, Any] = until(look, "the status tells of the confirmations", 60)
    return report


def test_a_healthy_home(house: House) -> None:
    busy(house)
    report = counted(house, 4)
    assert house.report()[0] == 0, sentences(report)
    assert report["versions"]["bridge"] == __version__
    assert report["versions"]["schema"] == packaged_migrations()[-1].version
    assert [(b["unit"], b["trouble"]) for b in report["brokers"]] == [(HUB_UNIT, None), (WRITER_UNIT, None)]
    assert report["database"]["trouble"] is None
    assert report["clock"] == {"marker": None, "right": True}
    assert {disk["of"] for disk in report["disks"]} >= {"spool"}
    household = only(report, house)
    hub, tables = household["hub"], household["database"]
    assert (hub["counters"]["received"], hub["counters"]["published"], hub["queue"]["lag_s"]) == (4, 4, 0)
    [writer] = tables["writers"]
    [[stored]] = house.home.rows("SELECT stored FROM writer_status")
    assert writer["stored"] == stored
    assert tables["schema_version"] == report["versions"]["schema"]
    [[newest]] = house.home.rows("SELECT UNIX_TIMESTAMP(MAX(updated_at)) FROM {data}")
    assert tables["newest_reading"] == newest
    rows = house.home.rows("SELECT HEX(mac), idDevice, UNIX_TIMESTAMP(last_seen), rssi, firmware, readings FROM box")
    boxes = {box["mac"].replace(":", ""): box for box in household["boxes"]}
    assert set(boxes) == {row[0] for row in rows}
    for mac, device, _, rssi, firmware, readings in rows:
        box = boxes[mac]
        assert (box["device"], box["appliance"], box["rssi"], box["firmware"]) == (device, "lavatrice", rssi, firmware)
        assert (box["readings"], box["received"], box["resent"], box["missing"]) == (readings, 2, 0, 0)


def test_the_table_for_people(house: House) -> None:
    busy(house)
    counted(house, 4)
    done = house.run()
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "ECMS OK: all is well"
    # On a busy machine a reading is sent, and confirmed, more than once: those are the unmatched ones.
    assert any(line.startswith("  confirmed") and " 4 confirmed, 4 acknowledged, " in line for line in lines)
    assert any(line.startswith("  02:45:43:00:00:01  lavatrice") for line in lines)
    assert PASSWORD not in done.stdout


def test_the_broker_is_down(house: House) -> None:
    busy(house)
    house.broker.stop()
    status, report = house.report()
    assert status == 2
    assert "critical broker: for ecms-udp-to-mqtt: cannot reach the broker at 127.0.0.1" in sentences(report)
    assert only(report, house)["hub"] is None
    assert only(report, house)["database"]["newest_reading"] is not None
    assert len(only(report, house)["boxes"]) == 2
    assert house.run().stdout.startswith("ECMS CRITICAL: broker: for ecms-udp-to-mqtt: cannot reach")


def test_the_database_is_down(house: House, tmp_path: Any) -> None:
    busy(house)
    counted(house, 4)
    gone = replace(house.home.server.settings, socket=str(tmp_path / "gone"), user="ecms-writer")
    shutil.copy(Daemon(tmp_path / "elsewhere", house.broker.port, gone, PASSWORD).config, house.directory)
    status, report = house.report()
    assert status == 2
    assert f"critical database: the database at {tmp_path / 'gone'} does not answer" in sentences(report)
    household = only(report, house)
    assert household["database"] is None
    assert household["hub"]["counters"]["confirmed"] == 4
    assert [box["received"] for box in household["boxes"]] == [2, 2]
    assert [box["appliance"] for box in household["boxes"]] == [None, None]


def test_wrong_passwords(house: House) -> None:
    guarded = GuardedBroker(names.WRITER_USER, house.home.slug)
    guarded.start()
    try:
        login = replace(house.settings.mqtt, port=guarded.port, username=house.home.slug)
        settings = replace(house.settings, mqtt=login)
        (house.directory / "udp_to_mqtt.toml").write_text(configuration(settings, 4210), encoding="utf-8")
        (house.directory / "credentials" / f"{WRITER_UNIT}.database_password").write_text("wrong", encoding="ascii")
        status, report = house.report()
    finally:
        guarded.remove()
    assert status == 2
    assert f"the broker refuses the user '{house.home.slug}'" in sentences(report)
    assert "refuses the user" in report["database"]["trouble"]
    assert "run the playbook again to set its password" in report["database"]["trouble"]


def test_a_machine_with_the_hub_only(house: House) -> None:
    busy(house)
    counted(house, 4)
    house.forget(WRITER_UNIT)
    status, report = house.report()
    assert status == 0, sentences(report)
    assert report["database"] is None
    assert [disk["of"] for disk in report["disks"]] == ["spool"]
    [household] = report["households"]
    assert [(box["mac"], box["firmware"], box["received"]) for box in household["boxes"]] == [
        ("02:45:43:00:00:01", "1.2.3", 2),
        ("02:45:43:00:00:02", "1.2.3", 2),
    ]
    assert all(abs(box["last_seen"] - time.time()) < 300 for box in household["boxes"])


def test_a_machine_with_the_writer_only(house: House) -> None:
    busy(house)
    counted(house, 4)
    house.forget(HUB_UNIT)
    status, report = house.report()
    assert status == 0, sentences(report)
    assert report["clock"] is None
    assert [b["unit"] for b in report["brokers"]] == [WRITER_UNIT]
    assert only(report, house)["hub"]["counters"]["confirmed"] == 4


def test_a_hub_without_a_writer(house: House) -> None:
    house.start_hub()
    send(house, Box(house.hub.port), count=1)

    def lagging() -> dict[str, Any] | None:
        _, report = house.report("--lag-warning", "1")
        return report if "readings have waited for" in sentences(report) else None

    report: dict[str, Any] = until(lagging, "the lag is told", 60)
    assert report["status"] == "warning", sentences(report)
    assert only(report, house)["hub"]["queue"]["spool"] == 1
    assert only(report, house)["database"]["writers"] == []
    status, report = house.report("--lag-warning", "1", "--lag-critical", "1")
    assert status == 2
    assert "to be confirmed: see broker, writer and database" in sentences(report)


def test_the_hub_is_gone(house: House) -> None:
    busy(house)
    house.hub.stop()
    status, report = house.report()
    assert status == 2
    assert "its hub is offline: see that it runs and reaches the broker" in sentences(report)
    assert only(report, house)["hub"] == {"state": "offline"}


def test_a_hub_that_never_spoke(house: House) -> None:
    status, report = house.report()
    assert status == 2
    assert sentences(report) == (
        f"critical {house.home.slug}: its hub has never told its state: see that ecms-udp-to-mqtt runs there"
    )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--disk-warning", "1000000000"), 1),
        (("--disk-warning", "1000000000", "--disk-critical", "1000000000"), 2),
    ],
)
def test_little_room_on_the_disks(house: House, options: tuple[str, ...], expected: int) -> None:
    house.start()
    until(lambda: house.report()[0] == 0, "healthy", 60)
    status, report = house.report(*options)
    assert status == expected
    assert "disk of the spool: " in sentences(report)
    assert "are left at" in sentences(report)


def test_silent_boxes_and_a_writer_that_stores_nothing(house: House) -> None:
    busy(house)
    counted(house, 4)
    house.home.rows("UPDATE box SET last_seen = last_seen - INTERVAL 3600 SECOND")
    house.hub.stop()
    house.start_hub()  # it has not heard of a box yet
    until(lambda: only(house.report()[1], house)["hub"]["counters"]["received"] == 0, "a new status", 60)
    status, report = house.report()
    assert status == 1
    assert "box 02:45:43:00:00:01 (lavatrice) has been silent for 60 min" in sentences(report)
    status, report = house.report("--stored-critical", "1")
    assert status == 2
    assert "no readings are being stored, the newest stored one is " in sentences(report)
    house.home.rows("UPDATE box SET last_seen = last_seen - INTERVAL 8 DAY")
    assert house.report()[0] == 0, "a box that is gone for good is no finding for ever"


def test_quarantine_and_dead_letters(house: House) -> None:
    busy(house)
    house.home.rows("DELETE FROM device WHERE idDevice = 1")
    house.home.rows("UPDATE writer_state SET generation = generation + 1")
    box = Box(house.hub.port)
    box.send()
    until(lambda: house.home.rows("SELECT COUNT(*) FROM quarantine") == ((1,),), "quarantined")
    house.home.rows("INSERT INTO dead_letter VALUES (1, 1, UTC_TIMESTAMP() - INTERVAL 3 HOUR, 'amps', 'x')")
    house.home.rows("INSERT INTO dead_letter_count VALUES ('amps', 1, UTC_TIMESTAMP())")
    status, report = house.report()
    assert status == 1
    assert "1 readings of box 02:45:43:00:00:01 wait for the unknown appliance 1: add it to" in sentences(report)
    assert "a message that can never be stored came 3 h ago: see the table dead_letter" in sentences(report)
    assert only(report, house)["database"]["dead_letters"]["by_reason"] == {"amps": 1}
    house.home.rows("UPDATE dead_letter SET received_at = received_at - INTERVAL 2 DAY")
    assert "can never be stored" not in sentences(house.report()[1])


def test_a_schema_of_an_older_version(house: House) -> None:
    busy(house)
    for table in ("writer_status", "dead_letter_count"):
        house.home.rows(f"DROP TABLE {table}")
    house.home.rows("DELETE FROM schema_version WHERE version > 1")
    status, report = house.report()
    assert status == 1
    assert f"its schema has version 1, this ECMS {packaged_migrations()[-1].version}: run the playbook" in sentences(
        report
    )
    assert only(report, house)["database"]["writers"] == []


def test_a_household_without_a_schema(house: House, users: Users) -> None:
    house.start_hub()
    user = users.make(grants.writer_grants(house.home.slug)[:1])
    settings = house.home.server.settings_of(user)
    elsewhere = Daemon(house.directory.parent / "other", house.broker.port, settings, PASSWORD)
    shutil.copy(elsewhere.config, house.directory)
    status, report = house.report()
    assert status == 2
    assert "it is not set up in the database: run the playbook for it" in sentences(report)


def test_the_clock_is_not_right(house: House) -> None:
    marker = house.directory / "synchronised"
    house.settings = replace(house.settings, clock_marker=marker)
    (house.directory / "udp_to_mqtt.toml").write_text(configuration(house.settings, 4210), encoding="utf-8")
    house.start()
    until(lambda: only(house.report()[1], house)["hub"], "online", 60)
    status, report = house.report()
    assert status == 1
    assert "warning clock: it is not right yet, so readings wait" in sentences(report)
    marker.touch()
    assert house.report()[0] == 0


def test_a_full_spool_is_critical(house: House) -> None:
    house.settings = replace(house.settings, spool_max_readings=1)
    house.start_hub()
    send(house, Box(house.hub.port), count=4)

    def full() -> dict[str, Any] | None:
        _, report = house.report()
        return report if "the spool is full" in sentences(report) else None

    assert until(full, "told", 60)["status"] == "critical"


def test_whoever_may_not_read_the_passwords_is_told_so(house: House) -> None:
    if os.geteuid() != 0:
        not_run("only root can try another user")
    for path in (house.directory, *house.directory.parents):
        if path.stat().st_uid == 0 and path.stat().st_mode & 0o001 == 0:
            path.chmod(path.stat().st_mode | 0o011)
    done = house.run(user=NOBODY)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        f"ecms-status: cannot read the daemons' passwords in {house.directory}/credentials: "
        "run this as root, such as by sudo\n"
    )


def test_a_machine_without_daemons(house: House) -> None:
    house.forget(HUB_UNIT)
    house.forget(WRITER_UNIT)
    done = house.run("--json")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        f"ecms-status: no daemon of ECMS has its configuration in {house.directory}: "
        "run this on a hub or beside the writer\n"
    )


def test_a_digest_that_stays_due_is_told_until_it_is_sent(house: House) -> None:
    digests, state = house.directory / "digest", house.directory / f"digest-state/{house.home.slug}"
    for directory in (digests, state):
        directory.mkdir(parents=True)
    config = digests / f"{house.home.slug}.toml"
    config.write_text(
        f"""slug = "{house.home.slug}"
timezone = "Europe/Rome"
language = "it"
questions = "/etc/ecms/digest/sql"
database = {{host = "localhost", port = 3306, socket = "/run/mysqld/mysqld.sock", user = "reader", tls_ca = ""}}
smtp = {{host = "127.0.0.1", port = 9, encryption = "none", user = "", from = "a@b.org", from_name = "", tls_ca = ""}}
letter = [{{kind = "weekly", to = "anna@example.org"}}]
""",
        encoding="utf-8",
    )
    os.utime(config, (0, 0))
    _, report = house.report("--digest-due", "1")
    [told] = report["digests"]
    [letter] = told["letters"]
    assert (told["slug"], letter["kind"], letter["sent"], letter["waiting"]) == (house.home.slug, "weekly", 0, 1)
    assert f"warning {house.home.slug}: its weekly digest from {letter['first_day']} on has been due" in sentences(
        report
    )
    (state / "sent.json").write_text(json.dumps({"weekly anna@example.org": letter["first_day"]}), encoding="utf-8")
    _, report = house.report("--digest-due", "1")
    assert "digest" not in sentences(report)
    assert "weekly digest of" in house.run().stdout


def test_a_broken_configuration_is_one_sentence(house: House) -> None:
    (house.directory / "udp_to_mqtt.toml").write_text("[mqtt", encoding="utf-8")
    done = house.run()
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.count("\n") == 1
    assert "cannot read the configuration" in done.stderr


def test_watch_looks_again(house: House) -> None:
    house.start()
    until(lambda: house.report()[0] == 0, "healthy", 60)
    process = subprocess.Popen(house.command("--watch", "1"), env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    outcomes = 0
    for line in process.stdout:
        outcomes += line == "ECMS OK: all is well\n"
        if outcomes == 2:
            break
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 0


def test_two_hubs_one_machine_each_tells_of_its_own(house: House) -> None:
    """A hub that is online without a schema here is told, a retained goodbye of a removed household is not."""
    house.start_writer()
    house.forget(HUB_UNIT)
    with RunningHub(replace(house.settings, household="bianchi")):
        until(lambda: any(h["slug"] == "bianchi" for h in house.report()[1]["households"]), "told", 60)
        _, report = house.report()
        assert "critical bianchi: it is not set up in the database: run the playbook for it" in sentences(report)
    assert all(h["slug"] != "bianchi" for h in house.report()[1]["households"])
