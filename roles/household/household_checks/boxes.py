"""The boxes and what each measures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from household_checks.values import (
    Variables,
    entries,
    fold,
    is_host,
    known_number,
    mac_address,
    mappings,
    number,
    one_of,
    short_name,
    show,
    unknown_keys,
    whole,
)

VARIANTS = ("05B", "20A", "30A")

_BOX_KEYS = ("name", "mac", "device", "variant", "calibration", "serial_port", "ota_address")


def mistakes(given: Variables) -> Iterator[str]:
    """Yield a sentence for each mistake."""
    value, devices = given.get("ecms_boxes"), given.get("ecms_devices")
    boxes = entries(value)
    if boxes is None:
        yield f"ecms_boxes is {show(value)}: set a list, which may be empty"
        return
    known = {whole(d.get("id")) for d in entries(devices) or () if isinstance(d, Mapping)}
    macs: set[str] = set()
    folded: set[str] = set()
    for position, box in enumerate(boxes, start=1):
        label = f"ecms_boxes, entry {position}"
        if not isinstance(box, Mapping):
            yield f"{label} is {show(box)}: set a name, a mac and a device"
            continue
        yield from unknown_keys(label, box, _BOX_KEYS)
        name = box.get("name")
        faults = list(short_name(f"{label}: name", name))
        yield from faults
        if not faults and isinstance(name, str):
            if fold(name) in folded:
                yield f"{label}: name {show(name)} is taken by another box: set a name of its own"
            folded.add(fold(name))
        mac = mac_address(box.get("mac"))
        if mac is None:
            yield (f'{label}: mac is {show(box.get("mac"))}: set six pairs in quotes, such as "5C:CF:7F:01:02:03"')
        elif mac in macs:
            yield f"{label}: mac {mac} is taken by another box: set the address printed on this one"
        else:
            macs.add(mac)
        device = whole(box.get("device"))
        if device is None or device not in known:
            yield f"{label}: device is {show(box.get('device'))}: set the id of an appliance of ecms_devices"
        yield from _box_details(label, box)


def _box_details(label: str, box: Variables) -> Iterator[str]:
    if "variant" in box:
        yield from one_of(f"{label}: variant", box["variant"], VARIANTS)
    if "calibration" in box:
        factor = number(box["calibration"])
        if factor is None or factor <= 0:
            yield f"{label}: calibration is {show(box['calibration'])}: set a factor above 0, such as 1.0"
    if "serial_port" in box:
        port = box["serial_port"]
        if not isinstance(port, str) or not port:
            yield f"{label}: serial_port is {show(port)}: set a port such as /dev/ttyUSB0"
    if "ota_address" in box and not is_host(box["ota_address"]):
        yield f"{label}: ota_address is {show(box['ota_address'])}: set a name or an address"


def facts(given: Variables) -> dict[str, object]:
    """Return its part of the fact ``ecms_household``."""
    return {"boxes": [_fact(box) for box in mappings(given["ecms_boxes"])]}


def _fact(box: Variables) -> dict[str, object]:
    fact: dict[str, object] = {
        "name": str(box["name"]),
        "mac": mac_address(box["mac"]),
        "device": whole(box["device"]),
        "calibration": known_number(box.get("calibration", 1.0)),
    }
    fact.update({key: str(box[key]) for key in ("variant", "serial_port", "ota_address") if key in box})
    return fact
