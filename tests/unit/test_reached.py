"""What cannot be reached is said and counts as nothing; what can is run, and its failure stays one."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml

from role_plugins import ROOT


class _Site(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.send_response(200 if self.path == "/there" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Stay silent."""


@pytest.fixture
def site() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Site)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def reached(tmp_path: Path, address: str, *command: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "needs.txt").write_text(f"{address}\n")
    words = [sys.executable, str(ROOT / "tests/reached.py"), "thing", str(tmp_path / "needs.txt"), *command]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("status", [0, 3])
def test_what_can_be_reached_is_run_and_its_status_stays(tmp_path: Path, site: str, status: int) -> None:
    done = reached(tmp_path, f"{site}/there", sys.executable, "-c", f"print('ran'); raise SystemExit({status})")
    assert (done.stdout, done.returncode) == ("ran\n", status)


def test_what_is_not_there_is_not_run(tmp_path: Path, site: str) -> None:
    done = reached(tmp_path, f"{site}/gone", "false")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [f"NOT RUN: thing: 127.0.0.1 answers 404 to {site}/gone", "0 passed, 0 failed"]


def test_a_host_that_does_not_answer_is_not_run(tmp_path: Path) -> None:
    done = reached(tmp_path, "http://no-such-host.invalid/x", "false")
    assert done.returncode == 0
    assert done.stdout.startswith("NOT RUN: thing: no-such-host.invalid cannot be reached (")


def test_the_scenario_emqx_needs_the_package_that_the_role_installs() -> None:
    defaults = yaml.safe_load((ROOT / "roles/emqx/defaults/main.yml").read_text())
    version = defaults["emqx_version"]
    expected = f"{defaults['emqx_package_site']}/v{version}/emqx-{version}-debian12-amd64.deb.sha256"
    assert (ROOT / "molecule/emqx/needs.txt").read_text().split() == [expected]
