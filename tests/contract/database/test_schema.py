"""``ecms-schema`` on a real server: it keeps data, can be repeated, and says what it does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pymysql
import pytest

import ecms_bridge
from database import model
from database.fixtures import PASSWORD, Home, Users, facts, new_home
from database.server import PrivateServer, Server, free_port
from ecms_bridge import names
from ecms_bridge.config import ConfigError, DatabaseSettings
from ecms_bridge.messages import Reading
from ecms_bridge.schema import appliances, calendar, cli, grants
from ecms_bridge.schema.errors import SchemaError
from ecms_bridge.schema.household import parse_household
from ecms_bridge.schema.migrator import Migration, Migrator, packaged_migrations, read_migrations
from ecms_bridge.session import open_session
from ecms_bridge.writer.database import ReadingsDatabase
from ecms_bridge.writer.inbox import Batch

BOX = bytes([2, 0, 0, 0, 0, 1])
BEGIN = 1_718_000_100
SOURCE = Path(ecms_bridge.__file__).parents[1]

SECOND = """
-- Adds a column, and can be run again.
CREATE TABLE IF NOT EXISTS extra (a INT) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
INSERT INTO extra SELECT COUNT(*) FROM {data_table};
"""


def store(home: Home, *seconds: int, mac: bytes = BOX, device: int = 1) -> None:
    with closing(ReadingsDatabase(home.server.settings, home.server.password)) as writer:
        writer.store(Batch(home.slug, [Reading(mac, BEGIN + second, device, 1.5) for second in seconds]))


@pytest.fixture
def second(tmp_path: Path) -> list[Migration]:
    """The packaged migrations and one more."""
    newest = len(packaged_migrations())
    for migration in packaged_migrations():
        (tmp_path / f"{migration.version:04}_{migration.name}.sql").write_text(migration.text, "utf-8")
    (tmp_path / f"{newest + 1:04}_extra.sql").write_text(SECOND, "utf-8")
    return read_migrations(tmp_path)


class TestMigrations:
    def test_a_second_run_changes_nothing(self, home: Home) -> None:
        assert home.apply() == []

    def test_from_the_first_version_to_the_newest_keeps_the_data(
        self, mariadb: Server, second: list[Migration]
    ) -> None:
        with new_home(mariadb, apply=False) as home:
            self.as_the_first_version_did(home, second[0])
            store(home, *range(0, 3000, 10))
            before = model.raw(home), model.stored(home)
            changes = cli.apply(home.session, home.household, second)
            assert changes[:-1] == [f"migration {m.version}: {m.name}" for m in second[1:]]
            assert changes[-1].startswith("household: set name, ")
            assert (model.raw(home), model.stored(home)) == before
            assert home.rows("SELECT a FROM extra") == ((300,),)
            assert home.rows("SELECT version, checksum FROM schema_version ORDER BY 1") == tuple(
                (m.version, m.checksum) for m in second
            )
            store(home, 3000)
            model.check(home)
            assert cli.apply(home.session, home.household, second) == []

    @staticmethod
    def as_the_first_version_did(home: Home, first: Migration) -> None:
        """Apply the first migration and fill what its version filled."""
        migrator = Migrator(home.session, home.slug, [first])
        migrator.create()
        migrator.apply(first)
        days = calendar.Calendar(home.session, home.household.zone, datetime.now(UTC).date())
        days.write(*days.plan(days.stored()))
        appliances.Appliances(home.session, home.household).apply()

    @pytest.mark.parametrize("done", [0, 1, 5, 11, 13])
    def test_a_run_that_ended_half_way_is_completed(self, mariadb: Server, done: int) -> None:
        (migration, *_) = packaged_migrations()
        with new_home(mariadb, apply=False) as home:
            with home.session.cursor() as cursor:
                cursor.execute(f"CREATE DATABASE {home.schema}")
                cursor.execute(f"USE {home.schema}")
                for statement in list(migration.statements(home.slug))[:done]:
                    cursor.execute(statement)
            assert home.apply()
            assert home.apply() == []
            store(home, 0)
            assert len(model.raw(home)) == 1
            assert home.rows("SELECT COUNT(*) FROM writer_state") == ((1,),)

    def test_every_migration_can_be_run_again(self, mariadb: Server) -> None:
        with new_home(mariadb, apply=False) as home:
            migrator = Migrator(home.session, home.slug, packaged_migrations())
            migrator.create()
            for migration in packaged_migrations():
                with home.session.cursor() as cursor:
                    for statement in migration.statements(home.slug):
                        cursor.execute(statement)
                migrator.apply(migration)
            assert migrator.pending() == []
            assert home.rows("SHOW INDEX FROM hub_status WHERE Key_name = 'states' AND Seq_in_index = 1") != ()

    def test_a_failing_migration_is_not_recorded(self, home: Home, second: list[Migration]) -> None:
        newest = second[-1]
        broken = Migration(newest.version, newest.name, newest.text + "SELECT * FROM nowhere;\n")
        with pytest.raises(pymysql.ProgrammingError):
            cli.apply(home.session, home.household, [*second[:-1], broken])
        assert cli.apply(home.session, home.household, second) == [f"migration {newest.version}: extra"]

    def test_a_newer_schema_is_refused(self, home: Home, second: list[Migration]) -> None:
        cli.apply(home.session, home.household, second)
        for check in (False, True):
            with pytest.raises(SchemaError, match="this ECMS knows only 1: install the newer ECMS"):
                cli.apply(home.session, home.household, second[:1], check=check)
        with pytest.raises(SchemaError, match="install the newer ECMS"):
            cli.maintain(home.session, home.household, second[:1])

    def test_a_migration_whose_text_has_changed_is_refused(self, home: Home) -> None:
        (first, *others) = packaged_migrations()
        other = Migration(1, first.name, first.text + "\n")
        with pytest.raises(SchemaError, match="was applied from another text"):
            cli.apply(home.session, home.household, [other, *others])

    def test_two_runs_at_once_do_not_meet(self, mariadb: Server) -> None:
        with new_home(mariadb, apply=False) as home:
            results: list[list[str]] = []

            def work() -> None:
                with closing(mariadb.session()) as session:
                    results.append(cli.apply(session, home.household, packaged_migrations()))

            threads = [threading.Thread(target=work) for _ in range(3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert sorted(bool(changes) for changes in results) == [False, False, True]

    def test_a_run_that_has_to_wait_too_long_says_so(self, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cli, "_TURN_WAIT_S", 0)
        with closing(home.server.session()) as other, other.cursor() as cursor:
            cursor.execute("SELECT GET_LOCK(%s, 0)", (cli.lock_name(cursor, home.slug),))
            with pytest.raises(SchemaError, match="another ecms-schema is at work"):
                home.apply()

    def test_a_gap_in_the_numbers_is_refused(self, tmp_path: Path) -> None:
        for number in (1, 3):
            (tmp_path / f"000{number}_x.sql").write_text("SELECT 1;", "utf-8")
        with pytest.raises(SchemaError, match="do not count from 0001 without a gap"):
            read_migrations(tmp_path)

    def test_no_name_is_left_to_a_servers_defaults(self, home: Home) -> None:
        collations = home.rows(
            "SELECT DISTINCT COLLATION_NAME FROM information_schema.COLUMNS "
            "WHERE TABLE_SCHEMA = %s AND COLLATION_NAME IS NOT NULL",
            home.schema,
        )
        assert collations == (("utf8mb4_unicode_ci",),)


class TestCheck:
    def test_says_all_that_a_first_run_would_do_and_does_nothing(self, mariadb: Server) -> None:
        with new_home(mariadb, apply=False) as home:
            foretold = cli.apply(home.session, home.household, packaged_migrations(), check=True)
            assert home.session.cursor().execute("SHOW DATABASES LIKE %s", (home.schema,)) == 0
            assert cli.apply(home.session, home.household, packaged_migrations()) == foretold
            assert f"create the schema {home.schema}" in foretold

    def test_says_what_a_later_run_would_do_and_does_nothing(self, home: Home, second: list[Migration]) -> None:
        home.facts |= {
            "devices": [{"id": 1, "name": "lavasciuga", "ratings": []}],
            "boxes": [{"mac": "02:00:00:00:00:01", "device": 1}],
            "timezone": "Asia/Kathmandu",
        }
        before = self.contents(home)
        foretold = cli.apply(home.session, home.household, second, check=True)
        assert self.contents(home) == before
        assert cli.apply(home.session, home.household, second) == foretold
        assert len(foretold) == 5

    @staticmethod
    def contents(home: Home) -> list[Any]:
        return [
            home.rows(f"SELECT * FROM {table}")
            for table in ("schema_version", "device", "device_rating", "box_assignment", "calendar", "writer_state")
        ]


class TestAppliances:
    def test_names_follow_the_inventory_and_what_it_lacks_is_left_alone(self, home: Home) -> None:
        changes = home.apply(devices=[{"id": 1, "name": "lavasciuga", "ratings": []}, self.device(9, "bollitore")])
        assert changes == [
            "appliance 1: rename 'lavatrice' to 'lavasciuga'",
            "appliance 9: add 'bollitore'",
            "appliance 9: 230.0 V, power factor 1 from ever",
        ]
        rows = dict(home.rows("SELECT idDevice, nome FROM device"))
        assert (rows[1], rows[2], rows[9], len(rows)) == ("lavasciuga", "frigorifero", "bollitore", 8)

    def test_names_can_be_swapped_and_passed_on(self, home: Home) -> None:
        home.apply(
            devices=[
                self.device(1, "forno"),
                self.device(6, "lavatrice"),
                self.device(2, "nuovo"),
                self.device(8, "frigorifero"),
            ]
        )
        rows = dict(home.rows("SELECT idDevice, nome FROM device"))
        assert (rows[1], rows[6], rows[2], rows[8]) == ("forno", "lavatrice", "nuovo", "frigorifero")

    @pytest.mark.parametrize("name", ["forno", "FORNO", "fòrno"])
    def test_a_name_that_another_keeps_is_one_sentence(self, home: Home, name: str) -> None:
        before = home.rows("SELECT * FROM device")
        with pytest.raises(SchemaError, match="two appliances would have one name"):
            home.apply(devices=[self.device(1, name)])
        assert home.rows("SELECT * FROM device") == before

    def test_names_may_have_any_letters(self, home: Home) -> None:
        name = "caffè 'e' \"tè\" %s {x} \\ 🫖"
        home.apply(devices=[self.device(1, name)])
        assert home.rows("SELECT nome FROM device WHERE idDevice = 1") == ((name,),)
        assert home.apply() == []

    def test_ratings_are_dated_in_the_households_time(self, home: Home) -> None:
        home.apply(devices=[self.device(1, "lavatrice", self.rating("2024-06-10", 225.5, 0.95))])
        assert self.ratings(home) == [
            (datetime.fromisoformat("1970-01-01 00:00:01"), Decimal(230), Decimal(1)),
            (datetime.fromisoformat("2024-06-09 22:00:00"), Decimal("225.5"), Decimal("0.95")),
        ]
        assert home.apply() == []

    def test_a_correction_from_a_date_on_leaves_the_others_as_they_are(self, home: Home) -> None:
        first, later = self.rating("2024-01-01", 228, 0.9), self.rating("2025-01-01", 226, 0.8)
        home.apply(devices=[self.device(1, "lavatrice", first)])
        before = self.ratings(home)
        assert len(home.apply(devices=[self.device(1, "lavatrice", later)])) == 1
        assert self.ratings(home)[:2] == before
        assert len(home.apply(devices=[self.device(1, "lavatrice", self.rating("2025-01-01", 226, 0.7))])) == 1
        assert self.ratings(home)[2][2] == Decimal("0.7")
        assert self.ratings(home)[:2] == before

    def test_the_mains_voltage_holds_from_ever(self, home: Home) -> None:
        home.apply(devices=[self.device(1, "lavatrice", self.rating("2024-01-01", 228, 0.9))])
        home.apply(mains_voltage_v=120)
        assert [row[1] for row in self.ratings(home)] == [Decimal(120), Decimal(228)]

    def test_every_change_is_told_to_the_writers(self, home: Home) -> None:
        def generation() -> int:
            return int(home.rows("SELECT generation FROM writer_state")[0][0])

        first = generation()
        home.apply(devices=[self.device(9, "bollitore")])
        assert generation() == first + 1
        home.apply(boxes=[{"mac": "02:00:00:00:00:01", "device": 9}])
        assert generation() == first + 2
        home.apply()
        assert generation() == first + 2

    def test_a_box_is_reassigned_from_now_on(self, home: Home) -> None:
        home.apply(boxes=[{"mac": "02:00:00:00:00:01", "device": 1}])
        home.apply(boxes=[{"mac": "02:00:00:00:00:01", "device": 2}])
        home.apply(boxes=[])
        rows = home.rows("SELECT UNIX_TIMESTAMP(valid_from), idDevice FROM box_assignment ORDER BY 1")
        assert [row[1] for row in rows] == [1, 2]
        assert rows[0][0] == 1
        assert abs(rows[1][0] - datetime.now(UTC).timestamp()) < 30

    @staticmethod
    def device(number: int, name: str, *ratings: dict[str, object]) -> dict[str, object]:
        return {"id": number, "name": name, "ratings": list(ratings)}

    @staticmethod
    def rating(day: str, voltage: float, factor: float) -> dict[str, object]:
        return {"valid_from": day, "voltage_v": voltage, "power_factor": factor}

    @staticmethod
    def ratings(home: Home) -> list[tuple[Any, ...]]:
        return list(
            home.rows(
                "SELECT valid_from, voltage_v, power_factor FROM device_rating WHERE idDevice = 1 ORDER BY valid_from"
            )
        )


class TestCalendar:
    def test_reaches_from_2020_over_two_years_from_now(self, home: Home) -> None:
        ((first, last, count),) = home.rows("SELECT MIN(day), MAX(day), COUNT(*) FROM calendar")
        assert first == date(2020, 1, 1)
        assert last >= datetime.now(UTC).date() + timedelta(days=731)
        assert count == (last - first).days + 1
        assert home.rows(
            "SELECT COUNT(*) FROM calendar a JOIN calendar b ON b.day = a.day + INTERVAL 1 DAY WHERE a.ends != b.begins"
        ) == ((0,),)

    def test_a_new_zone_rewrites_it(self, home: Home) -> None:
        change, setting = home.apply(timezone="Asia/Kathmandu")
        assert change.startswith("calendar: correct ")
        assert setting == "household: set timezone"
        assert home.rows("SELECT begins FROM calendar WHERE day = '2024-06-01'") == (
            (datetime.fromisoformat("2024-05-31 18:15:00"),),
        )
        assert home.apply() == []

    def test_is_extended_when_it_runs_short(self, home: Home) -> None:
        ((last,),) = home.rows("SELECT MAX(day) FROM calendar")
        home.rows("DELETE FROM calendar WHERE day > %s", last - timedelta(days=40))
        assert cli.maintain(home.session, home.household, packaged_migrations()) == [
            f"calendar: add 40 days up to {last}"
        ]
        home.rows("DELETE FROM calendar WHERE day > %s", last - timedelta(days=5))
        assert home.apply() == []


class TestRetention:
    def test_old_raw_rows_leave_and_rollups_stay(self, home: Home) -> None:
        now = int(datetime.now(UTC).timestamp()) - BEGIN
        day = 86400
        store(home, *range(now - 30 * day, now - 30 * day + 60_000, 10), now - 9 * day, now - 7 * day)
        home.rows("INSERT INTO quarantine VALUES (9, %s, FROM_UNIXTIME(%s), 1)", BOX, BEGIN + now - 20 * day)
        home.rows("INSERT INTO quarantine VALUES (9, %s, FROM_UNIXTIME(%s), 1)", BOX, BEGIN + now - 2 * day)
        home.rows("INSERT INTO hub_status VALUES (FROM_UNIXTIME(%s), 'online', '{}')", BEGIN + now - 31 * day)
        home.rows("INSERT INTO hub_status VALUES (FROM_UNIXTIME(%s), 'online', '{}')", BEGIN + now - day)
        sums = model.stored(home)
        home.facts["retention_days"] = 8
        changes = cli.maintain(home.session, home.household, packaged_migrations())
        assert changes == [
            f"{names.data_table(home.slug)}: delete 6001 rows older than 8 days",
            "quarantine: delete 1 rows older than 8 days",
            "hub_status: delete 1 rows older than 30 days",
        ]
        assert len(model.raw(home)) == 1
        assert model.stored(home) == sums
        assert cli.maintain(home.session, home.household, packaged_migrations()) == []

    def test_a_schema_that_is_not_up_to_date_is_left_alone(self, mariadb: Server) -> None:
        with new_home(mariadb, apply=False) as home, pytest.raises(SchemaError, match="run ecms-schema apply"):
            cli.maintain(home.session, home.household, packaged_migrations())


@dataclass
class Tool:
    """``ecms-schema`` as a process."""

    directory: Path
    settings: DatabaseSettings
    household: dict[str, Any]
    files: dict[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.files = {name: self.directory / name for name in ("schema.toml", "password", "household.json")}
        self.files["schema.toml"].write_text(
            f'[database]\nhost = "{self.settings.host}"\nport = {self.settings.port}\n'
            f'socket = "{self.settings.socket}"\nuser = "{self.settings.user}"\ntls_ca = "{self.settings.tls_ca}"\n',
            "utf-8",
        )
        self.files["password"].write_text(PASSWORD + "\n", "utf-8")
        self.files["household.json"].write_text(json.dumps(self.household), "utf-8")

    def run(self, *options: str, of: str = "household") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                sys.executable,
                "-c",
                "from ecms_bridge.schema.cli import main; main()",
                *options,
                "--config",
                str(self.files["schema.toml"]),
                "--password-file",
                str(self.files["password"]),
                f"--{of}",
                str(self.files[f"{of}.json"]),
            ],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join([str(SOURCE), *sys.path])},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def fails(self, *options: str) -> str:
        """Run, expect status 2 and one line of error; return it."""
        done = self.run(*options)
        assert (done.returncode, done.stdout) == (2, ""), done
        assert done.stderr.count("\n") == 1, done.stderr
        assert PASSWORD not in done.stderr
        return done.stderr


class TestTool:
    @pytest.fixture
    def tool(self, mariadb: Server, users: Users, tmp_path: Path) -> Iterator[Tool]:
        with new_home(mariadb, apply=False) as home:
            user = users.make(grants.admin_grants())
            yield Tool(tmp_path, mariadb.settings_of(user), facts(home.slug))

    def test_apply_check_and_maintain(self, tool: Tool) -> None:
        foretold = tool.run("apply", "--check")
        first, again = tool.run("apply"), tool.run("apply")
        assert (first.returncode, first.stderr) == (0, "")
        assert first.stdout == foretold.stdout
        assert json.loads(first.stdout)["changed"] is True
        assert len(first.stdout.splitlines()) == 1
        assert json.loads(again.stdout) == {"changed": False, "changes": []}
        assert json.loads(tool.run("maintain").stdout) == {"changed": False, "changes": []}

    def test_of_several_households_one_that_fails_keeps_no_other_from_its_own(
        self, tool: Tool, mariadb: Server
    ) -> None:
        with new_home(mariadb, apply=False) as other, new_home(mariadb, apply=False) as third:
            bad = {**facts(other.slug), "retention_days": 7}
            homes = [tool.household, bad, {"slug": "A"}, 1, facts(third.slug)]
            tool.files["households.json"] = tool.directory / "households.json"
            tool.files["households.json"].write_text(json.dumps(homes), "utf-8")
            failed = tool.run("apply", of="households")
            assert (failed.returncode, failed.stdout) == (2, "")
            assert [line.split(": ")[:2] for line in failed.stderr.splitlines()] == [
                ["ecms-schema", slug] for slug in (other.slug, "A", "?")
            ]
            assert "set ecms_retention_days to at least 8" in failed.stderr
            foretold, second = tool.run("apply", "--check", of="households"), [tool.household, facts(third.slug)]
            assert foretold.returncode == 2
            tool.files["households.json"].write_text(json.dumps(second), "utf-8")
            assert json.loads(tool.run("apply", of="households").stdout) == {"changed": False, "changes": []}
            tool.files["households.json"].write_text(json.dumps([facts(other.slug), *second]), "utf-8")
            done = json.loads(tool.run("apply", of="households").stdout)
            assert done["changed"] is True
            assert {change.split(": ")[0] for change in done["changes"]} == {other.slug}
            tool.files["households.json"].write_text("{}", "utf-8")
            assert "must be a list" in tool.run("apply", of="households").stderr

    def test_what_the_user_got_wrong_is_one_sentence(self, tool: Tool) -> None:
        tool.files["password"].write_text("wrong", "utf-8")
        assert "refuses the user" in tool.fails("apply")
        tool.files["password"].write_text("\n", "utf-8")
        assert "is empty: run the playbook again" in tool.fails("apply")
        tool.files["password"].unlink()
        assert "cannot read the password file" in tool.fails("apply")
        tool.files["household.json"].write_text('{"slug": "A"}', "utf-8")
        assert "'A' is no household slug" in tool.fails("apply")
        tool.files["household.json"].write_text("{", "utf-8")
        assert "cannot read the household" in tool.fails("maintain")
        tool.files["schema.toml"].write_text("[database]\n", "utf-8")
        assert "lacks 'host'" in tool.fails("maintain")

    def test_a_server_that_is_away_is_one_sentence(self, tmp_path: Path) -> None:
        gone = DatabaseSettings("localhost", 0, str(tmp_path / "gone"), "ecms-admin", "")
        tool = Tool(tmp_path, gone, facts("casa"))
        assert "see that it runs" in tool.fails("apply")

    def test_a_household_with_too_short_a_retention_is_refused(self, tool: Tool) -> None:
        tool.files["household.json"].write_text(json.dumps({**tool.household, "retention_days": 7}), "utf-8")
        assert "set ecms_retention_days to at least 8" in tool.fails("maintain")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with a CA, a server's certificate for localhost and another CA."""
    directory = tmp_path_factory.mktemp("tls")

    def openssl(arguments: str) -> None:
        subprocess.run(["openssl", *arguments.split()], cwd=directory, check=True, capture_output=True)

    key = "-newkey rsa:2048 -nodes"
    for name in ("ca", "other"):
        usage = "-addext keyUsage=critical,keyCertSign"
        openssl(f"req -x509 {key} -days 2 -subj /CN={name} {usage} -keyout {name}.key -out {name}.pem")
    openssl(f"req {key} -subj /CN=localhost -keyout server.key -out csr")
    (directory / "extensions").write_text("subjectAltName=DNS:localhost\nauthorityKeyIdentifier=keyid\n", "ascii")
    signer = "-CA ca.pem -CAkey ca.key -CAcreateserial"
    openssl(f"x509 -req -in csr {signer} -days 2 -extfile extensions -out server.pem")
    (directory / "server.key").chmod(0o644)
    return directory


class TestEncryption:
    def test_the_server_must_prove_who_it_is(self, authority: Path) -> None:
        tls = [f"--ssl-cert={authority / 'server.pem'}", f"--ssl-key={authority / 'server.key'}"]
        with listening(*tls) as (port, server):
            user = Users(server, []).make([])

            def connect(host: str, ca: str) -> str:
                settings = DatabaseSettings(host, port, "", user, str(authority / ca))
                with closing(open_session(settings, PASSWORD, io_timeout_s=10)) as session, session.cursor() as cursor:
                    cursor.execute("SHOW STATUS LIKE 'Ssl_version'")
                    return str(cursor.fetchall()[0][1])

            assert connect("localhost", "ca.pem") in ("TLSv1.2", "TLSv1.3")
            with pytest.raises(pymysql.OperationalError, match="CERTIFICATE_VERIFY_FAILED"):
                connect("localhost", "other.pem")
            with pytest.raises(pymysql.OperationalError, match="CERTIFICATE_VERIFY_FAILED"):
                connect("127.0.0.1", "ca.pem")
            with pytest.raises(ConfigError, match="cannot read the database's CA certificate"):
                connect("localhost", "none.pem")

    def test_a_server_without_encryption_is_refused(self, authority: Path) -> None:
        with listening("--skip-ssl") as (port, server):
            user = Users(server, []).make([])
            settings = DatabaseSettings("localhost", port, "", user, str(authority / "ca.pem"))
            with pytest.raises(pymysql.MySQLError, match=r"(?i)ssl|tls"):
                open_session(settings, PASSWORD, io_timeout_s=10)


@contextmanager
def listening(*options: str) -> Iterator[tuple[int, Server]]:
    """Run a server that also listens on the loopback."""
    port = free_port()
    server = PrivateServer("--bind-address=127.0.0.1", f"--port={port}", *options)
    try:
        server.start()
        yield port, server
    finally:
        server.remove()


def test_the_household_file_is_what_the_role_writes() -> None:
    """The household's facts may be passed as they are; what this tool does not need is ignored."""
    given = facts("casa") | {
        "name": "Casa",
        "secrets": {},
        "boxes": [{"mac": "02:00:00:00:00:01", "device": 1, "name": "x"}],
    }
    assert parse_household(given).boxes == {BOX: 1}
