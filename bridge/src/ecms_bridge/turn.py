"""A household's turn: whoever stores readings or changes appliances does so while nobody else does."""

from __future__ import annotations

from pymysql.cursors import Cursor


def take(cursor: Cursor, schema: str, *, clustered: bool) -> tuple[int, int] | None:
    """Begin the turn, which ends with the transaction; wait for others. To be called first in a transaction.

    On a node of a cluster the lock holds among the clients of that node only, so there a row is changed besides: of
    two transactions that changed it on two nodes, the cluster lets only one commit, and the other one gets the
    error of a deadlock and begins again.

    Returns the generation of the appliances and the number of dead letters, None if the household is not set up.
    """
    if clustered:
        cursor.execute(f"UPDATE {schema}.cluster_turn SET turn = turn + 1 WHERE id = 1")  # noqa: S608
    cursor.execute(f"SELECT generation, dead_letters FROM {schema}.writer_state WHERE id = 1 FOR UPDATE")  # noqa: S608
    row = cursor.fetchone()
    return None if row is None else (int(row[0]), int(row[1]))
