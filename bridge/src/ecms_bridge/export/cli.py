"""``ecms-export``: writes readings, hours or days of a household as CSV."""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TextIO
from zoneinfo import ZoneInfo

import pymysql

from ecms_bridge import __version__, names
from ecms_bridge.config import ConfigError, DatabaseSettings, Section
from ecms_bridge.export.tables import COLUMNS, DAY, READING, Exporter, ExportError, Range
from ecms_bridge.session import explain, open_session

DEFAULT_DIRECTORY = Path("/etc/ecms")
_IO_TIMEOUT_S = 600


def main(argv: list[str] | None = None) -> int:
    """Write the table; return 0, or 2 after one sentence on standard error."""
    options = _parser().parse_args(argv)
    try:
        _run(options)
    except (ConfigError, ExportError) as error:
        print(f"ecms-export: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Who reads has seen enough, as `head` does. Nothing more can be written, not even at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _run(options: argparse.Namespace) -> None:
    directory: Path = options.config_directory
    household = _household(directory / "households", options.household)
    root = Section.from_file(directory / "schema.toml")
    settings = DatabaseSettings.parse(root.section("database"))
    password = _read(directory / "credentials" / f"database_{settings.user}").strip()
    slug, zone = str(household["slug"]), ZoneInfo(str(household["timezone"]))
    now = datetime.now(UTC)
    span = Range(_moment(options.begins, zone), _moment(options.ends, zone) if options.ends else now.astimezone(zone))
    if span.begins >= span.ends:
        msg = f"the range ends at {span.ends.isoformat()}, not after its begin: set --to later than --from"
        raise ExportError(msg)
    try:
        with closing(open_session(settings, password, io_timeout_s=_IO_TIMEOUT_S)) as session:
            with session.cursor() as cursor:
                cursor.execute(f"USE `{names.schema_name(names.check_slug(slug))}`")
                # All that is read is of one moment, and nothing can be written.
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
            exporter = Exporter(session, slug, zone, options.appliance, now)
            since = exporter.retired_before() if options.by == READING else None
            if since is not None and span.begins < since:
                print(
                    f"ecms-export: single readings before {since.isoformat()} have been retired; "
                    "hours and days are still there: see --by",
                    file=sys.stderr,
                )
            with _target(options.output) as target:
                _write(target, COLUMNS[options.by], exporter.rows(options.by, span), comma=options.decimal_comma)
    except pymysql.MySQLError as error:
        raise ExportError(explain(error, settings)) from error


def _household(directory: Path, wanted: str | None) -> dict[str, object]:
    if directory.is_dir() and not os.access(directory, os.R_OK | os.X_OK):
        msg = f"cannot read {directory}: run this as root, such as by sudo"
        raise ExportError(msg)
    known = sorted(path.stem for path in directory.glob("*.json"))
    if not known:
        msg = f"there is no household in {directory}: run this on the host of the database"
        raise ExportError(msg)
    if wanted is None and len(known) > 1:
        msg = f"there are several households: choose one by --household: {', '.join(known)}"
        raise ExportError(msg)
    if wanted is not None and wanted not in known:
        msg = f"there is no household {wanted!r}: choose of {', '.join(known)}"
        raise ExportError(msg)
    path = directory / f"{wanted or known[0]}.json"
    try:
        facts: dict[str, object] = json.loads(_read(path))
    except ValueError as error:
        msg = f"cannot read the household {path}: {error}: run the playbook again"
        raise ExportError(msg) from error
    return facts


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"cannot read {path}: {error}: run this as root on the host of the database"
        raise ExportError(msg) from error


def _moment(text: str, zone: ZoneInfo) -> datetime:
    """Return a day's begin, or a time, by the household's clock unless it has an offset."""
    try:
        if len(text) == len("2026-01-31"):
            return datetime.combine(date.fromisoformat(text), time(), zone)
        moment = datetime.fromisoformat(text)
    except ValueError:
        msg = f"{text!r} is no time: write a day such as 2026-01-31, or a time such as 2026-01-31T18:30"
        raise ExportError(msg) from None
    return moment.replace(tzinfo=zone) if moment.tzinfo is None else moment.astimezone(zone)


@contextmanager
def _target(path: Path | None) -> Iterator[TextIO]:
    """Give standard output, or a file that appears once it is whole."""
    if path is None:
        yield sys.stdout
        sys.stdout.flush()
        return
    if path.exists():
        msg = f"{path} exists: choose another name, or remove it first"
        raise ExportError(msg)
    part = path.with_name(path.name + ".part")
    try:
        with part.open("w", encoding="utf-8", newline="") as target:
            yield target
        part.rename(path)
    except OSError as error:
        msg = f"cannot write {path}: {error.strerror}"
        raise ExportError(msg) from error
    finally:
        part.unlink(missing_ok=True)


def _write(target: TextIO, columns: tuple[str, ...], rows: Iterable[tuple[object, ...]], *, comma: bool) -> None:
    writer = csv.writer(target, delimiter=";" if comma else ",", lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_text(value, comma=comma) for value in row])


def _text(value: object, *, comma: bool) -> object:
    if not isinstance(value, Decimal):
        return value
    return format(value, "f").replace(".", ",") if comma else format(value, "f")


def _parser() -> argparse.ArgumentParser:
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    parser = argparse.ArgumentParser(
        prog="ecms-export",
        description="Write what was measured as CSV: Wh and cost by day or hour, or single readings.",
        epilog="Times are the household's, with their offset. Exit status: 0, or 2 after one sentence.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument("--from", dest="begins", required=True, metavar="TIME", help=f"such as {yesterday}")
    parser.add_argument("--to", dest="ends", metavar="TIME", help="up to before then (default: now)")
    parser.add_argument("--by", choices=sorted(COLUMNS), default=DAY, help="default: %(default)s")
    parser.add_argument("--appliance", action="append", default=[], metavar="NAME", help="only this one; repeatable")
    parser.add_argument("--household", metavar="SLUG", help="needed where there are several")
    parser.add_argument("--output", type=Path, metavar="FILE", help="a new file (default: standard output)")
    parser.add_argument("--decimal-comma", action="store_true", help="1,5 and ; between columns, as in Italy")
    parser.add_argument(
        "--config-directory", type=Path, default=DEFAULT_DIRECTORY, metavar="DIR", help="default: %(default)s"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
