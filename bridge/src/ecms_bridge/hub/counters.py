"""What the daemon has counted since it started; published in its status."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field


@dataclass(slots=True)
class Counters:
    """Counts since the start; ``refused`` is by reason."""

    received: int = 0
    version_1: int = 0
    version_2: int = 0
    resent_by_box: int = 0
    published: int = 0
    republished: int = 0
    denied_by_broker: int = 0
    confirmed: int = 0
    unmatched_confirmations: int = 0
    acknowledged: int = 0
    spooled: int = 0
    spool_failures: int = 0
    not_taken: int = 0
    refused: dict[str, int] = field(default_factory=dict)

    def refuse(self, reason: str) -> None:
        self.refused[reason] = self.refused.get(reason, 0) + 1

    def as_dict(self) -> dict[str, object]:
        return asdict(self)
