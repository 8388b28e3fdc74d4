"""Choose a scenario's package of Grafana: ``python -m grafana_stand_in SCENARIO DIRECTORY VARIABLES``.

It is the one that is given, the vendor's where its host can be reached, or the stand-in, built in DIRECTORY. The file
VARIABLES then says so to the role. For the stand-in it prints what therefore does not run.
"""

import sys
from pathlib import Path

import yaml

from grafana_stand_in.package import build, given
from notrun import PREFIX
from reached import out_of_reach

_NEEDS = Path(__file__).resolve().parents[2] / "molecule/grafana/needs.txt"


def main(words: list[str]) -> int:
    """Write the variables that ``words`` ask for; return the exit status."""
    scenario, directory, variables = words
    package = given()
    reason = "" if package else out_of_reach(_NEEDS.read_text(encoding="utf-8").split()[0])
    if reason:
        print(f"{PREFIX}{scenario}: the dashboards in a live Grafana, for which a stand-in answered: {reason}")
        package = build(Path(directory))
    path, checksum = package or ("", "")
    Path(variables).write_text(
        yaml.safe_dump({"grafana_deb": str(path), "grafana_deb_sha256": checksum}), encoding="utf-8"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
