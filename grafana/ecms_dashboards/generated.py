"""The files that are made: grafana/dashboards/<language>/<dashboard>.json."""

from __future__ import annotations

import json
from pathlib import Path

from ecms_dashboards.appliance import APPLIANCE
from ecms_dashboards.casa import CASA
from ecms_dashboards.diagnosis import DIAGNOSIS
from ecms_dashboards.sources import GRAFANA, Text, languages

DASHBOARDS = (CASA, APPLIANCE, DIAGNOSIS)
FOLDER = GRAFANA / "dashboards"


def made() -> dict[Path, str]:
    """Return what each file has to hold."""
    found = {}
    for language in languages():
        text = Text(language)
        for dashboard in DASHBOARDS:
            rendered = json.dumps(dashboard.render(text), indent=2, ensure_ascii=False)
            found[FOLDER / language / f"{dashboard.key}.json"] = rendered + "\n"
        if text.unused:
            raise ValueError(f"{language}.json has texts that no dashboard shows: {', '.join(sorted(text.unused))}")
    return found


def stale() -> list[str]:
    """Return the files that are missing, different, or not made by any dashboard."""
    wanted = made()
    there = set(FOLDER.glob("**/*.json"))
    wrong = {path for path, content in wanted.items() if path not in there or path.read_text("utf-8") != content}
    return sorted(str(path.relative_to(GRAFANA)) for path in wrong | (there - set(wanted)))


def write() -> list[str]:
    """Write the files that are not up to date, remove those that are no dashboard any more, and return their names."""
    changed = stale()
    wanted = made()
    for name in changed:
        path = GRAFANA / name
        if path in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[path], "utf-8")
        else:
            path.unlink()
    return changed
