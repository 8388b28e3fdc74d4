"""Make the dashboards anew: ``python -m ecms_dashboards``; with ``--check`` only tell whether they are up to date."""

from __future__ import annotations

import argparse
import sys

from ecms_dashboards import generated


def main() -> None:
    """Write grafana/dashboards, or exit with 1 if it is not what would be written."""
    parser = argparse.ArgumentParser(prog="ecms_dashboards", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    if parser.parse_args().check:
        stale = generated.stale()
        if stale:
            sys.exit(f"not up to date, run make dashboards: {', '.join(stale)}")
        return
    for name in generated.write():
        print(name)


if __name__ == "__main__":
    main()
