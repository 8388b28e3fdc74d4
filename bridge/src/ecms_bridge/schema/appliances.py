"""Appliances, their ratings and the assignment of boxes, as the inventory has them.

What the inventory does not mention is left alone: absence never deletes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

import pymysql
from pymysql.constants import ER

from ecms_bridge import names, turn
from ecms_bridge.datagram import format_mac
from ecms_bridge.schema.errors import SchemaError
from ecms_bridge.schema.household import FIRST_TIME, Household
from ecms_bridge.session import Session, is_clustered

_SECOND = timedelta(seconds=1)


@dataclass(slots=True)
class Stored:
    """What the schema holds: names and ratings by appliance, the newest assignment by box."""

    names: dict[int, str] = field(default_factory=dict)
    ratings: dict[tuple[int, datetime], tuple[Decimal, Decimal]] = field(default_factory=dict)
    boxes: dict[bytes, tuple[datetime, int]] = field(default_factory=dict)


@dataclass(slots=True)
class Plan:
    """Statements that bring the schema to the inventory, and what they change, for people.

    ``boxes`` are the assignments to begin; from when on depends on the readings already stored.
    """

    changes: list[str] = field(default_factory=list)
    statements: list[tuple[str, tuple[object, ...]]] = field(default_factory=list)
    boxes: list[tuple[bytes, int]] = field(default_factory=list)


def plan(household: Household, stored: Stored) -> Plan:
    """Return what has to change for the schema to match the inventory."""
    result = Plan()
    _plan_names(household, stored, result)
    _plan_ratings(household, stored, result)
    called = {appliance.id: appliance.name for appliance in household.appliances}
    for mac, device in household.boxes.items():
        if mac not in stored.boxes or stored.boxes[mac][1] != device:
            result.changes.append(f"box {format_mac(mac)}: assign to {called[device]!r}")
            result.boxes.append((mac, device))
    return result


def _plan_names(household: Household, stored: Stored, result: Plan) -> None:
    renamed = [a for a in household.appliances if a.id in stored.names and stored.names[a.id] != a.name]
    added = [a for a in household.appliances if a.id not in stored.names]
    for appliance in renamed:
        result.changes.append(f"appliance {appliance.id}: rename {stored.names[appliance.id]!r} to {appliance.name!r}")
        # Names are unique and two may be swapped: first out of each other's way, then to the wanted ones.
        result.statements.append(
            (
                "UPDATE device SET nome = %s WHERE idDevice = %s",
                (f"ecms rename {appliance.id}", appliance.id),
            )
        )
    for appliance in renamed:
        result.statements.append(("UPDATE device SET nome = %s WHERE idDevice = %s", (appliance.name, appliance.id)))
    for appliance in added:
        result.changes.append(f"appliance {appliance.id}: add {appliance.name!r}")
        result.statements.append(
            ("INSERT INTO device (idDevice, nome) VALUES (%s, %s)", (appliance.id, appliance.name))
        )


def _plan_ratings(household: Household, stored: Stored, result: Plan) -> None:
    for appliance in household.appliances:
        for rating in appliance.ratings:
            wanted = (rating.voltage_v, rating.power_factor)
            since = rating.valid_from
            if stored.ratings.get((appliance.id, since)) == wanted:
                continue
            if (appliance.id, since) in stored.ratings:
                statement = (
                    "UPDATE device_rating SET voltage_v = %s, power_factor = %s WHERE idDevice = %s AND valid_from = %s"
                )
            else:
                statement = (
                    "INSERT INTO device_rating (voltage_v, power_factor, idDevice, valid_from) VALUES (%s, %s, %s, %s)"
                )
            when = "from ever" if since == FIRST_TIME else f"from {since} UTC"
            result.changes.append(
                f"appliance {appliance.id}: {rating.voltage_v} V, power factor {rating.power_factor} {when}"
            )
            result.statements.append((statement, (*wanted, appliance.id, since)))


class Appliances:
    """The tables ``device``, ``device_rating`` and ``box_assignment`` of the schema in use."""

    def __init__(self, session: Session, household: Household) -> None:
        self._session = session
        self._household = household

    def stored(self) -> Stored:
        """Read the tables."""
        found = Stored()
        with self._session.cursor() as cursor:
            cursor.execute("SELECT idDevice, nome FROM device")
            found.names = dict(cursor.fetchall())
            cursor.execute("SELECT idDevice, valid_from, voltage_v, power_factor FROM device_rating")
            found.ratings = {(row[0], row[1]): (row[2], row[3]) for row in cursor.fetchall()}
            cursor.execute("SELECT mac, valid_from, idDevice FROM box_assignment ORDER BY mac, valid_from")
            found.boxes = {row[0]: (row[1], row[2]) for row in cursor.fetchall()}
        return found

    def apply(self) -> list[str]:
        """Bring the tables to the inventory in one transaction; return what changed.

        Writers wait meanwhile, and read the appliances again afterwards.
        Raises SchemaError if a name is already another appliance's.
        """
        clustered = is_clustered(self._session)
        with self._session.cursor() as cursor:
            turn.take(cursor, names.schema_name(self._household.slug), clustered=clustered)
            stored = self.stored()
            wanted = plan(self._household, stored)
            try:
                for statement, values in wanted.statements:
                    cursor.execute(statement, values)
            except pymysql.IntegrityError as error:
                self._session.rollback()
                if error.args[0] != ER.DUP_ENTRY:
                    raise
                msg = (
                    f"two appliances would have one name ({error.args[1]}): upper and lower case and accents "
                    "do not count, and one that is no longer in ecms_devices keeps its name"
                )
                raise SchemaError(msg) from error
            for mac, device in wanted.boxes:
                cursor.execute(
                    "INSERT INTO box_assignment (mac, valid_from, idDevice) VALUES (%s, %s, %s)",
                    (mac, self._assignable_from(mac, stored), device),
                )
            if wanted.changes:
                cursor.execute("UPDATE writer_state SET generation = generation + 1 WHERE id = 1")
        self._session.commit()
        return wanted.changes

    def _assignable_from(self, mac: bytes, stored: Stored) -> datetime:
        """Return from when on a box may be another appliance's: after all its readings that are stored.

        An assignment in the past would give a reading that is sent again another key, and so a second row. A
        box of which nothing is stored yet is assigned from ever.
        """
        slug = self._household.slug
        with self._session.cursor() as cursor:
            cursor.execute("SELECT UTC_TIMESTAMP()")
            moments: list[datetime] = [row[0] for row in cursor.fetchall()]
            cursor.execute(
                f"SELECT bucket FROM {names.rollup_table(slug)} WHERE res = 60 AND mac = %s "  # noqa: S608
                "ORDER BY bucket DESC LIMIT 1",
                (mac,),
            )
            row = cursor.fetchone()
            if row is None and mac not in stored.boxes:
                return FIRST_TIME
            if row is not None:
                cursor.execute(
                    f"SELECT MAX(updated_at) FROM {names.data_table(slug)} "  # noqa: S608
                    "WHERE updated_at >= %s AND mac = %s",
                    (row[0], mac),
                )
                last = cursor.fetchone()
                moments.append((last[0] if last and last[0] else row[0]) + _SECOND)
        if mac in stored.boxes:
            moments.append(stored.boxes[mac][0] + _SECOND)
        return max(moments)
