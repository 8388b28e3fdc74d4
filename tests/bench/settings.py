"""The servers' settings as the roles render them, so that a figure is one of the product and not of a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from jinja2 import DebugUndefined, Environment, FileSystemLoader

_ROLES = Path(__file__).resolve().parents[2] / "roles"
POOL_MB = 256
"""What the role gives a Pi of 2 GB: an eighth."""

_OWN = {"bind-address", "port", "socket"}
"""Where the database listens is decided here."""


def _render(role: str, template: str, **values: object) -> str:
    defaults = yaml.safe_load((_ROLES / role / "defaults/main.yml").read_text(encoding="utf-8"))
    plain = {key: value for key, value in defaults.items() if "{{" not in str(value)}
    environment = Environment(
        loader=FileSystemLoader(_ROLES / role / "templates"), undefined=DebugUndefined, trim_blocks=True
    )
    environment.filters["bool"] = bool
    lines = environment.get_template(template).render(plain | values).splitlines()
    kept = [line for line in lines if line and line[0] not in "#[" and line.split(maxsplit=1)[0] not in _OWN]
    unknown = [line for line in kept if "{{" in line]
    if unknown:
        raise LookupError(f"{role}/{template} needs a value that only a playbook knows: {unknown[0]}")
    return "\n".join(kept) + "\n"


def database_options() -> list[str]:
    """Return the role database's settings as options of ``mariadbd``, without where it listens."""
    text = _render("database", "mariadb.cnf.j2", _database_pool_mb=POOL_MB)
    options = []
    for line in text.splitlines():
        key, _, value = (part.strip() for part in line.partition("="))
        options.append(f"--{key}={value}" if value else f"--{key}")
    return ["--skip-networking", *options]


def broker_config(port: int, directory: Path, dynsec_file: Path) -> str:
    """Return the role mosquitto's configuration for a plain listener."""
    return _render(
        "mosquitto",
        "mosquitto.conf.j2",
        mosquitto_plain_port=port,
        mosquitto_tls=False,
        mosquitto_directory=str(directory),
        _mosquitto_dynsec_file=str(dynsec_file),
    )


def batch() -> dict[str, Any]:
    """Return the writer's default batch: ``max_readings`` and ``max_age_s``."""
    defaults = yaml.safe_load((_ROLES / "bridge/defaults/main.yml").read_text(encoding="utf-8"))
    return {key: defaults[f"bridge_batch_{key}"] for key in ("max_readings", "max_age_s")}


def commit_interval_s() -> int:
    """Return how long the role common lets a card's file system gather changes of its own, s."""
    defaults = yaml.safe_load((_ROLES / "common/defaults/main.yml").read_text(encoding="utf-8"))
    care = {"_common_household": {"sd_card_care": True}}
    return int(Environment().from_string(defaults["common_root_commit_s"]).render(care))
