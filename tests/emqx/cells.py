"""Ask a running broker over TLS what the access matrix says it must decide: ``python -m emqx.cells --help``.

For molecule/emqx, whose broker is a real EMQX on another machine; the contract tests ask Mosquitto with it, so that it
does not rot where no EMQX can be had. A denied client may get a reason code or be disconnected: both are a refusal.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from isolation.ledger import EMQX
from isolation.mqtt import Broker, deeds
from isolation.peer import FAILURE, Peer, Place


def wrong_cells(broker: Broker, channel: str) -> Iterator[str]:
    """Yield a line for every cell that the broker decides otherwise than the matrix."""
    with broker.observed():
        for deed in deeds():
            cell = deed.cell(channel)
            try:
                allowed = broker.allows(deed)
            except AssertionError as error:
                yield str(error)
                continue
            if allowed != cell.allowed:
                yield f"{cell.who} does {cell.action} ({cell.what}): must be {cell.expected}"


def _password(entry: str) -> tuple[str, str]:
    user, _, path = entry.partition("=")
    return user, Path(path).read_text(encoding="ascii").strip()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m emqx.cells", description=__doc__)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, default=8883)
    parser.add_argument("--ca", required=True)
    parser.add_argument("--password-file", action="append", default=[], metavar="USER=PATH")
    parser.add_argument("--until-disconnected", metavar="USER", help="only stay connected until the broker ends it")
    words = parser.parse_args()
    place = Place(words.host, words.port, words.ca)
    if words.until_disconnected:
        with Peer(place, words.until_disconnected) as peer:
            print("connected", flush=True)
            return 0 if peer.answer(600) >= FAILURE else 1
    wrong = list(wrong_cells(Broker(place, dict(map(_password, words.password_file))), EMQX))
    print("\n".join(wrong) or f"{len(list(deeds()))} cells as they must be")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
