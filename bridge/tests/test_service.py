"""systemd's protocol, the journal's format, and logging that cannot flood."""

from __future__ import annotations

import logging
import os
import signal
import socket
from pathlib import Path

import pytest

from ecms_bridge import service, throttle
from ecms_bridge.service import Service


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(str(tmp_path / "notify"))
    sock.setblocking(False)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    return sock


def heard(systemd: socket.socket) -> list[str]:
    messages = []
    while True:
        try:
            messages.append(systemd.recv(1000).decode())
        except BlockingIOError:
            return messages


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        for module in (service, throttle):
            monkeypatch.setattr(module.time, "monotonic", lambda: self.now)


def test_notifications(systemd: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "20000000")
    clock = Clock(monkeypatch)
    daemon = Service()
    daemon.ready("works")
    daemon.ready("works")
    for _ in range(20):
        daemon.alive()
        clock.now += 1
    daemon.status("still works")
    daemon.stop()
    assert heard(systemd) == [
        "READY=1\nSTATUS=works",
        *["WATCHDOG=1"] * 4,
        "STATUS=still works",
        "STOPPING=1",
    ]


class InTheWayError(Exception):
    pass


def test_an_obstacle_is_told_once_and_waited_for(
    systemd: socket.socket, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock(monkeypatch)
    monkeypatch.setattr("ecms_bridge.service.time.sleep", lambda seconds: setattr(clock, "now", clock.now + seconds))

    def build() -> str:
        if clock.now < 1030:
            raise InTheWayError("the port is taken")
        return "built"

    assert Service().begin(build, InTheWayError) == "built"
    assert heard(systemd) == ["STATUS=the port is taken"]
    assert caplog.messages == ["the port is taken"]


def test_an_obstacle_that_stays_is_raised_before_systemd_gives_up(
    systemd: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    monkeypatch.setattr("ecms_bridge.service.time.sleep", lambda seconds: setattr(clock, "now", clock.now + seconds))

    def build() -> None:
        raise InTheWayError

    with pytest.raises(InTheWayError):
        Service().begin(build, InTheWayError)
    assert clock.now == 1060

    daemon = Service()
    daemon.stopping = True
    with pytest.raises(InTheWayError):
        daemon.begin(build, InTheWayError)
    monkeypatch.delenv("NOTIFY_SOCKET")
    with pytest.raises(InTheWayError):
        Service().begin(build, InTheWayError)
    assert clock.now == 1060


def test_without_a_watchdog_nothing_is_fed(systemd: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    Service().alive()
    assert heard(systemd) == []


def test_abstract_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"ecms-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind("\0" + name)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + name)
        Service().status("x")
        assert sock.recv(100) == b"STATUS=x"


def test_systemd_gone(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/nonexistent/notify")
    Service().status("x")
    assert "cannot notify systemd" in caplog.text
    monkeypatch.delenv("NOTIFY_SOCKET")
    caplog.clear()
    Service().status("x")
    assert caplog.text == ""


def test_signals_end_the_loop() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    try:
        daemon = Service()
        daemon.install_signal_handlers()
        assert not daemon.stopping
        signal.raise_signal(signal.SIGTERM)
        assert daemon.stopping
    finally:
        for number, handler in zip((signal.SIGTERM, signal.SIGINT), before, strict=True):
            signal.signal(number, handler)


def test_journal_priorities(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        service.configure_logging()
        logger = logging.getLogger("ecms.test")
        logger.debug("d")
        logger.info("i")
        logger.warning("w")
        logger.error("e")
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    assert capsys.readouterr().err == "<6>i\n<4>w\n<3>e\n"


def test_throttled_log(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock(monkeypatch)
    throttled = throttle.ThrottledLog(logging.getLogger("ecms.test"), 60.0)
    for _ in range(100):
        throttled.warning("a", "box %s", "one")
        throttled.warning("b", "other")
        clock.now += 1
    assert [record.getMessage() for record in caplog.records] == [
        "box one",
        "other",
        "box one (59 more of this kind since the last line)",
        "other (59 more of this kind since the last line)",
    ]
