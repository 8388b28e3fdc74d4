"""What each appliance draws now and has used, for Home Assistant: A, W and Wh.

The energy only grows. It is kept over a restart of the daemon in a file that is written when the daemon ends
and removed when it starts, so that it costs the SD card next to nothing. After a crash there is no file: then
the energy begins at 0, which Home Assistant takes for a new meter, as it documents for total_increasing, and
nothing is counted that was measured before.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path

from ecms_bridge.datagram import format_mac
from ecms_bridge.hub.appliances import Appliances
from ecms_bridge.hub.energy import Meter

FRESH_S = 35
"""Older readings say nothing of now: the definition that gauge and alert have, too."""

MAX_BOXES = 1000
"""Anyone can make up MACs in unsigned datagrams."""

_FILE = "home_assistant.json"
_SECONDS_AN_HOUR = 3600

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Box:
    """One box: its newest reading (Unix s, appliance, A) and what was counted of it."""

    meter: Meter
    timestamp: int = 0
    device: int = 0
    amps: float = 0.0


class HomeAssistant:
    """The states of all appliances; ``directory`` is where they survive a restart."""

    def __init__(self, appliances: Appliances, directory: Path) -> None:
        self._appliances = appliances
        self._path = directory / _FILE
        self._boxes: dict[bytes, _Box] = {}
        self._energy_wh: dict[int, float] = {}
        self._resumed = self._resume()

    def reading(self, mac: bytes, device: int, timestamp: int, amps: float, started: float) -> None:
        """Take a reading of a box (A RMS, Unix s); ``started`` is when this daemon did (Unix s)."""
        device = self._appliances.boxes.get(mac, device)
        appliance = self._appliances.by_id.get(device)
        if appliance is None:
            return
        box = self._boxes.get(mac)
        if box is None:
            if len(self._boxes) >= MAX_BOXES:
                return
            box = self._boxes[mac] = _Box(Meter() if self._resumed else Meter([(0, int(started))]))
        seconds = box.meter.count(timestamp)
        if seconds:
            used_wh = appliance.watts(amps, timestamp) * seconds / _SECONDS_AN_HOUR
            self._energy_wh[device] = self._energy_wh.get(device, 0.0) + used_wh
        if timestamp >= box.timestamp:
            box.timestamp, box.device, box.amps = timestamp, device, amps

    def states(self, now: float) -> dict[int, bytes]:
        """Return the state of each appliance that was measured lately, by its id; ``now`` is Unix time (s)."""
        amps: dict[int, float] = {}
        watts: dict[int, float] = {}
        for box in self._boxes.values():
            if now - box.timestamp <= FRESH_S:
                appliance = self._appliances.by_id[box.device]
                amps[box.device] = amps.get(box.device, 0.0) + box.amps
                watts[box.device] = watts.get(box.device, 0.0) + appliance.watts(box.amps, box.timestamp)
        return {
            device: json.dumps(
                {
                    "current_a": round(amps[device], 3),
                    "power_w": round(watts[device], 1),
                    "energy_wh": round(self._energy_wh.get(device, 0.0), 3),
                },
                separators=(",", ":"),
            ).encode()
            for device in sorted(amps)
        }

    def save(self) -> None:
        """Keep what was counted for the next start; without room on the disk it begins at 0 again."""
        kept = {
            "energy_wh": {str(device): energy for device, energy in self._energy_wh.items()},
            "counted": {format_mac(mac): box.meter.spans for mac, box in self._boxes.items()},
        }
        new = self._path.with_suffix(".new")
        try:
            with new.open("w", encoding="ascii") as file:
                json.dump(kept, file)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._path)
        except OSError as error:
            _log.warning("the energy for Home Assistant begins at 0 with the next start: %s", error)
            with contextlib.suppress(OSError):
                new.unlink(missing_ok=True)

    def _resume(self) -> bool:
        """Take over what the last run counted, and forget it on disk: it holds once."""
        try:
            kept = json.loads(self._path.read_text(encoding="ascii"))
            self._path.unlink()
            energy = {int(device): float(used) for device, used in kept["energy_wh"].items()}
            boxes = {
                bytes.fromhex(mac.replace(":", "")): _Box(Meter([(int(begins), int(ends)) for begins, ends in spans]))
                for mac, spans in kept["counted"].items()
            }
        except FileNotFoundError:
            return False
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            _log.warning("the energy for Home Assistant begins at 0: %s is of no use: %s", self._path, error)
            return False
        self._energy_wh, self._boxes = energy, boxes
        return True
