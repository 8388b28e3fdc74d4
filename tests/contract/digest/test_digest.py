"""``ecms-digest`` as a process on a real MariaDB and a real mail server, with answers computed by hand.

Household: Rome, 230 V, power factor 1. 1 A over an hour is 230 Wh.
"""

from __future__ import annotations

import json
import stat
from email.message import EmailMessage
from typing import Any

import pytest

from contract.digest.conftest import Tool
from database.authority import Authority
from database.fixtures import Home
from database.rome import DAY, HOUR, WEEK, at, single
from grafana.history import FRIDGE, FRIDGE_BOX, WASHER, WASHER_BOX, reopen
from mail_server import MailServer, plain_text

MONDAY = at("2024-06-17 00:00")
EIGHT = MONDAY + 8 * HOUR


def measured(home: Home, now: int, *runs: tuple[bytes, int, float, int, int]) -> None:
    """Put into the rollups what whole hours of readings come to; a run is box, appliance, A, begin and end (Unix s)."""
    for box, device, amps, begins, ends in runs:
        for minutes in (15, 60):
            seconds = minutes * 60
            home.rows(
                f"INSERT INTO {{roll}} SELECT {minutes}, FROM_UNIXTIME({begins} + seq * {seconds}), {device}, %s, "
                f"{6 * minutes}, {seconds}, {seconds * amps}, {amps}, {amps} "
                f"FROM seq_0_to_{(ends - begins) // seconds - 1}",
                box,
            )
        home.rows(
            "INSERT INTO box (mac, idDevice, first_seen, last_seen) "
            "VALUES (%s, %s, FROM_UNIXTIME(%s), FROM_UNIXTIME(%s)) "
            "ON DUPLICATE KEY UPDATE last_seen = VALUES(last_seen)",
            *(box, device, begins, ends),
        )
    # Days that ended are closed by the next migration, as after an upgrade.
    home.rows("UPDATE closed_day SET day = '1970-01-01', ends = '1970-01-01 00:00:01'")
    home.apply()
    reopen(home, now)


def two_weeks(home: Home) -> None:
    """The fridge at 1 A for both weeks before MONDAY; the washer at 2 A, in the first for one day, then for half."""
    home.apply(tariffs=[single("2020-01-01", 0.25)])
    measured(
        home,
        EIGHT,
        (FRIDGE_BOX, FRIDGE, 1.0, MONDAY - 2 * WEEK, MONDAY),
        (WASHER_BOX, WASHER, 2.0, MONDAY - 2 * WEEK, MONDAY - 2 * WEEK + DAY),
        (WASHER_BOX, WASHER, 2.0, MONDAY - 3 * DAY, MONDAY - 3 * DAY + DAY // 2),
    )


class TestWhatItSays:
    def test_a_week_against_the_one_before(self, home: Home, tool: Tool) -> None:
        """Fridge: 168 h x 230 W = 38640 Wh, 9.66 EUR. Washer: 12 h x 460 W = 5520 Wh, before 11040: half as much.

        Total: 44160 Wh before 49680, 11 % less, 11.04 EUR. The washer reported for 12 h of 168: 7 %.
        """
        two_weeks(home)
        done = tool.show(EIGHT, "weekly")
        assert (done.returncode, done.stderr) == (0, "")
        said = done.stdout
        assert "Mario Rossi: energy of the week from 10 June 2024 to 16 June 2024" in said
        assert "Measured total\n  44,160 Wh (-11 %), 11.04 €\n  before 49,680 Wh, 12.42 €\n" in said
        assert "an appliance was measured for only 7 %: the sum is incomplete" in said
        assert "an appliance was measured for only 14 % before: do not compare" in said
        assert "frigorifero\n  38,640 Wh (0 %), 9.66 €\n  before 38,640 Wh, 9.66 €\n\n" in said
        assert "lavatrice\n  5,520 Wh (-50 %), 1.38 €\n  before 11,040 Wh, 2.76 €\n" in said
        assert "only 7 % of the period was measured" in said
        assert "only 14 % of the period before was measured" in said
        assert "forno" not in said
        assert said.index("frigorifero") < said.index("lavatrice")

    def test_silences(self, home: Home, tool: Tool) -> None:
        """The washer's box, silent from Monday to Friday 00:00 (96 h) and from Friday 12:00 to the end (60 h)."""
        two_weeks(home)
        said = tool.show(EIGHT, "weekly").stdout
        assert "lavatrice (02:00:00:00:00:01)\n  156 h 0 min in all, the longest 96 h 0 min from 10 June, 00:00" in said
        assert "frigorifero (" not in said

    def test_standby_ranks_what_never_rests(self, home: Home, tool: Tool) -> None:
        """0.05 A is 11.5 W, 100.74 kWh a year, 20.15 EUR at 0.20; 0.02 A is 4.6 W, 40.296 kWh, 8.06 EUR."""
        home.apply(tariffs=[single("2020-01-01", 0.2)])
        measured(
            home,
            EIGHT,
            (FRIDGE_BOX, FRIDGE, 0.02, MONDAY - WEEK, MONDAY),
            (WASHER_BOX, WASHER, 0.05, MONDAY - WEEK, MONDAY),
        )
        said = tool.show(EIGHT, "weekly").stdout
        part = said[said.index("STANDBY") :]
        assert "lavatrice\n  11.5 W, 20.15 € a year\n\nfrigorifero\n  4.6 W, 8.06 € a year\n" in part
        assert "no less than about 6.2 W (5 A), 11.5 W (20 A) or 17.2 W (30 A)" in part
        assert "no readings before" in said

    def test_an_unknown_cost_is_no_zero(self, home: Home, tool: Tool) -> None:
        home.apply(tariffs=[single("2024-06-12", 0.25)])
        measured(home, MONDAY + 8 * HOUR, (FRIDGE_BOX, FRIDGE, 1.0, MONDAY - WEEK, MONDAY))
        said = tool.show(EIGHT, "weekly").stdout
        assert "frigorifero\n  38,640 Wh, cost unknown\n" in said
        assert "Measured total\n  38,640 Wh, cost unknown\n" in said
        assert "0.00" not in said

    def test_nothing_measured(self, tool: Tool) -> None:
        said = tool.show(EIGHT, "weekly").stdout
        assert "Nothing was measured in this period." in said
        assert "No appliance had hours below 20 W." in said
        assert "No box was silent" in said

    @pytest.mark.parametrize(("monday", "hours", "wh"), [("2024-04-01", 167, "38,410"), ("2024-10-28", 169, "38,870")])
    def test_weeks_in_which_clocks_change(self, home: Home, tool: Tool, monday: str, hours: int, wh: str) -> None:
        """1 A from Monday to Monday by the clock: 167 h or 169 h of 230 W, measured in whole."""
        ends = at(f"{monday} 00:00")
        measured(home, ends + 8 * HOUR, (FRIDGE_BOX, FRIDGE, 1.0, ends - hours * HOUR, ends))
        said = tool.show(ends + 8 * HOUR, "weekly").stdout
        assert f"frigorifero\n  {wh} Wh, cost unknown\n  no readings before\n\n" in said
        assert "No box was silent" in said

    def test_a_month(self, home: Home, tool: Tool) -> None:
        """February of a leap year, 29 days of 0.5 A: 29 x 24 x 115 = 80040 Wh."""
        tool.settings["household"]["language"] = "it"
        ends = at("2024-03-01 00:00")
        measured(home, ends + 8 * HOUR, (FRIDGE_BOX, FRIDGE, 0.5, ends - 29 * DAY, ends))
        said = tool.show(ends + 8 * HOUR, "monthly").stdout
        assert "Mario Rossi: energia di febbraio 2024" in said
        assert "frigorifero\n  80.040 Wh, costo ignoto\n  prima nessuna misura\n" in said
        assert "gennaio 2024" in said


class TestSending:
    def test_it_is_sent_once_to_each(self, home: Home, tool: Tool, server: MailServer) -> None:
        two_weeks(home)
        tool.settings["letters"].append(("weekly", "bruno@example.org"))
        for _ in range(3):
            done = tool.send(EIGHT)
            assert (done.returncode, done.stderr) == (0, "")
        assert [str(message["To"]) for message in server.taken] == ["anna@example.org", "bruno@example.org"]
        message = server.taken[0]
        assert message["Subject"] == "Mario Rossi: energy of the week from 10 June 2024 to 16 June 2024"
        assert message["From"] == '"ECMS, casa" <casa@example.org>'
        assert message.get_content_type() == "multipart/alternative"
        assert plain_text(message) == "\n".join(tool.show(EIGHT, "weekly").stdout.split("\n")[2:])
        body = message.get_body(("html",))
        assert isinstance(body, EmailMessage)
        assert "44,160 Wh" in body.get_content()
        assert stat.S_ISREG(tool.state.stat().st_mode)
        assert tool.send(EIGHT + WEEK).returncode == 0
        assert len(server.taken) == 4

    def test_not_before_the_morning(self, tool: Tool, server: MailServer) -> None:
        """What is new in the night of Monday is the week before the last, of which nobody was told yet."""
        tool.send(MONDAY - HOUR)
        assert len(server.taken) == 1
        tool.send(MONDAY + 7 * HOUR - 1)
        assert len(server.taken) == 1
        tool.send(MONDAY + 7 * HOUR)
        assert len(server.taken) == 2
        assert "from 10 June 2024" in server.taken[1]["Subject"]

    def test_tls_from_the_first_byte(self, tool: Tool, authority: Authority) -> None:
        other = MailServer(*authority.issue("127.0.0.1"), implicit_tls=True)
        other.start()
        tool.settings["smtp"] |= {"port": other.port, "encryption": "tls"}
        done = tool.send(EIGHT)
        other.stop()
        assert (done.returncode, done.stderr) == (0, "")
        assert len(other.taken) == 1

    def test_a_wrong_password(self, tool: Tool, server: MailServer) -> None:
        path = tool.directory / "service/smtp_password"
        right = path.read_text()
        path.write_text("another\n")
        self.fails_and_is_sent_later(
            tool, server, "refuses the password of 'casa@example.org'", lambda: path.write_text(right)
        )

    def test_a_mail_server_that_is_away(self, tool: Tool, server: MailServer) -> None:
        server.stop()
        self.fails_and_is_sent_later(tool, server, "does not answer (", server.start)

    def test_a_certificate_of_a_stranger(self, tool: Tool, server: MailServer) -> None:
        smtp = tool.settings["smtp"]
        right = smtp["tls_ca"]
        smtp["tls_ca"] = str(Authority(tool.directory / "stranger", "stranger").certificate)
        sentence = "cannot be trusted: its certificate is not of the authority in"
        self.fails_and_is_sent_later(tool, server, sentence, lambda: smtp.update(tls_ca=right))

    def test_a_certificate_for_another_name(self, tool: Tool, server: MailServer, authority: Authority) -> None:
        right = server.certificate, server.key
        server.stop()
        server.certificate, server.key = authority.issue("mail.example.org")
        server.start()

        def mend() -> None:
            server.stop()
            server.certificate, server.key = right
            server.start()

        self.fails_and_is_sent_later(tool, server, "its certificate is not for '127.0.0.1'", mend)

    def test_encryption_that_the_server_does_not_have(self, tool: Tool, server: MailServer) -> None:
        smtp = tool.settings["smtp"]
        smtp["encryption"] = "tls"
        sentence = "it does not speak TLS there"
        self.fails_and_is_sent_later(tool, server, sentence, lambda: smtp.update(encryption="starttls"))

    def test_a_refused_recipient_keeps_no_other_from_theirs(self, tool: Tool, server: MailServer) -> None:
        tool.settings["letters"] = [("weekly", "nobody@example.org"), ("weekly", "anna@example.org")]
        server.refused = ("nobody@example.org",)
        for _ in range(2):
            done = tool.send(EIGHT)
            assert done.returncode == 1
            assert "refuses to write to nobody@example.org (no such mailbox): correct the address" in done.stderr
        assert [str(message["To"]) for message in server.taken] == ["anna@example.org"]

    def test_a_database_that_refuses(self, tool: Tool, server: MailServer) -> None:
        path = tool.directory / "service/database"
        right = path.read_text()
        path.write_text("another\n")
        self.fails_and_is_sent_later(tool, server, "refuses the user", lambda: path.write_text(right))

    def test_where_nothing_can_be_remembered_nothing_is_sent(self, tool: Tool, server: MailServer) -> None:
        tool.state.parent.rmdir()
        self.fails_and_is_sent_later(tool, server, "cannot remember in", tool.state.parent.mkdir, 2)

    def test_a_memory_that_is_none(self, tool: Tool, server: MailServer) -> None:
        tool.state.write_text("[")
        done = tool.send(EIGHT)
        assert done.returncode == 2
        assert "cannot read what has been sent" in done.stderr
        assert server.taken == []

    @staticmethod
    def fails_and_is_sent_later(tool: Tool, server: MailServer, sentence: str, mend: Any, status: int = 1) -> None:
        done = tool.send(EIGHT)
        assert done.returncode == status
        assert done.stderr.count("\n") == 1
        assert sentence in done.stderr
        assert server.taken == []
        mend()
        assert tool.send(EIGHT + HOUR).returncode == 0
        assert len(server.taken) == 1
        assert tool.send(EIGHT + 2 * HOUR).returncode == 0
        assert len(server.taken) == 1
        assert len(json.loads(tool.state.read_text())) == 1


def test_printing_needs_a_household_where_there_are_several(tool: Tool) -> None:
    done = tool.show(EIGHT, "weekly", "--household", "verdi")
    assert done.returncode == 2
    assert done.stderr == f"ecms-digest: choose a household by --household: {tool.home.slug}\n"
