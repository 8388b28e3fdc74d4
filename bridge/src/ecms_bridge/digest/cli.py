"""``ecms-digest``: sends a household's digests that are due, each once; or prints one."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import closing
from datetime import UTC, datetime
from email.headerregistry import Address
from pathlib import Path

import pymysql

from ecms_bridge import __version__, names
from ecms_bridge.config import ConfigError, credential
from ecms_bridge.digest import letter, post
from ecms_bridge.digest.periods import KINDS, Period, last_due, last_ended
from ecms_bridge.digest.questions import Questions
from ecms_bridge.digest.sent import FILE, Sent
from ecms_bridge.digest.settings import Settings
from ecms_bridge.digest.summary import Summary, summarise
from ecms_bridge.digest.words import Words
from ecms_bridge.session import explain, open_session

DEFAULT_DIRECTORY = Path("/etc/ecms/digest")
_IO_TIMEOUT_S = 300


def main(argv: list[str] | None = None, now: datetime | None = None) -> int:
    """Send or print; return 0, 1 if an e-mail that is due could not be sent, or 2 if nothing can be done at all."""
    options = _parser().parse_args(argv)
    moment = (now or datetime.now(UTC)).astimezone(UTC)
    try:
        if options.send:
            return _send(Settings.read(options.send), moment)
        return _show(options, moment)
    except ConfigError as error:
        _complain(str(error))
        return 2


def _send(settings: Settings, now: datetime) -> int:
    """Send what is due and has not been sent; what fails stays due."""
    sent = Sent(_state())
    due: dict[Period, list[str]] = {}
    for kind, recipient in settings.letters:
        period = last_due(kind, now.astimezone(settings.zone))
        if not sent.has(recipient, period):
            due.setdefault(period, []).append(recipient)
    if not due:
        return 0
    mail_password = credential("smtp_password") if settings.mail.user else ""
    sent.check()
    failed = False
    for period, recipients in due.items():
        try:
            summary = _summary(settings, credential("database"), period)
        except pymysql.MySQLError as error:
            _complain(f"{explain(error, settings.database)}; the next try is within the hour")
            return 1
        for recipient in recipients:
            try:
                _post(settings, mail_password, summary, recipient, now)
            except post.PostError as error:
                _complain(f"{error}; the next try is within the hour")
                failed = True
            else:
                sent.add(recipient, period)
                print(f"sent the {period.kind} digest of {period.first} to {recipient}")
    return 1 if failed else 0


def _post(settings: Settings, password: str, summary: Summary, recipient: str, now: datetime) -> None:
    sender = Address(settings.mail.sender_name, addr_spec=settings.mail.sender)
    message = letter.compose(summary, Words(settings.language), sender, recipient, now)
    # The same however often it is sent, so that a repeat after a crash can be told from a new one.
    period = summary.period
    message["Message-ID"] = f"<ecms-{settings.slug}-{period.kind}-{period.first}@{sender.domain}>"
    post.send(settings.mail, password, message)


def _show(options: argparse.Namespace, now: datetime) -> int:
    """Print the last ended period as plain text."""
    directory: Path = options.config_directory
    if directory.is_dir() and not os.access(directory / "credentials", os.R_OK | os.X_OK):
        msg = f"cannot read {directory}: run this as root, such as by sudo"
        raise ConfigError(msg)
    known = sorted(path.stem for path in directory.glob("*.toml"))
    slug: str | None = options.household or (known[0] if len(known) == 1 else None)
    if slug not in known or slug is None:
        msg = f"choose a household by --household: {', '.join(known) or 'none has a digest here'}"
        raise ConfigError(msg)
    settings = Settings.read(directory / f"{slug}.toml")
    password = directory / "credentials" / f"database_{slug}"
    try:
        period = last_ended(options.print, now.astimezone(settings.zone))
        summary = _summary(settings, password.read_text(encoding="ascii").strip(), period)
    except (OSError, UnicodeDecodeError) as error:
        msg = f"cannot read {password}: {error}: run this as root, or run the playbook again"
        raise ConfigError(msg) from error
    except pymysql.MySQLError as error:
        _complain(explain(error, settings.database))
        return 1
    words = Words(settings.language)
    print(letter.subject(summary, words), letter.text(summary, words), sep="\n\n", end="")
    return 0


def _summary(settings: Settings, password: str, period: Period) -> Summary:
    with closing(open_session(settings.database, password, io_timeout_s=_IO_TIMEOUT_S)) as session:
        with session.cursor() as cursor:
            cursor.execute(f"USE `{names.schema_name(settings.slug)}`")
            # All that is read is of one moment, and nothing can be written.
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        return summarise(Questions(settings.questions, session), settings.zone, period)


def _state() -> Path:
    directory = os.environ.get("STATE_DIRECTORY")
    if not directory:
        msg = "nothing says where to remember what has been sent: start the service by systemd, or set STATE_DIRECTORY"
        raise ConfigError(msg)
    return Path(directory) / FILE


def _complain(sentence: str) -> None:
    print(f"ecms-digest: {sentence}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ecms-digest",
        description="Print a household's digest, or send those that are due and have not been sent.",
        epilog="Exit status: 0; 1 if an e-mail that is due was not sent; 2 if nothing could be done.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--print", choices=KINDS, help="print the last ended week or month; nothing is sent")
    what.add_argument("--send", type=Path, metavar="FILE", help="send by this configuration; for the service")
    parser.add_argument("--household", metavar="SLUG", help="needed by --print where there are several")
    parser.add_argument(
        "--config-directory", type=Path, default=DEFAULT_DIRECTORY, metavar="DIR", help="default: %(default)s"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
