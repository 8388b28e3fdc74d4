"""What hubs say of themselves on ``<slug>/stato``, asked once and within bounded time."""

from __future__ import annotations

import secrets
import selectors
import socket
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from ecms_bridge import names
from ecms_bridge.config import ConfigError, MqttAddress, MqttSettings
from ecms_bridge.messages import MessageError, decode_status
from ecms_bridge.mqtt import MqttLink
from ecms_bridge.status.installed import Login

CONNECT_S = 5.0
ANSWER_S = 2.0
"""Retained messages follow the subscription at once; a household whose hub never spoke has none."""


@dataclass(slots=True)
class Answer:
    """What one login saw: the status of each household by slug, and why it saw nothing, if so."""

    unit: str
    address: str
    trouble: str | None = None
    states: dict[str, dict[str, object]] = field(default_factory=dict)


def ask(login: Login, slug: str | None, expected: Collection[str]) -> Answer:
    """Log in as the daemon does and read the status of a household, or with None of all there are.

    It waits for the ``expected`` households, and at most some seconds. Of several addresses the first that answers
    is told; if none does, the first.
    """
    answers = []
    for address in login.settings.addresses:
        answers.append(_ask(login, address, slug, expected))
        if answers[-1].trouble is None:
            return answers[-1]
    return answers[0]


def _ask(login: Login, address: MqttAddress, slug: str | None, expected: Collection[str]) -> Answer:
    settings = MqttSettings(address.host, address.port, login.settings.username, address.tls_ca)
    answer = Answer(login.unit, str(address))

    def heard(topic: str, payload: bytes) -> None:
        try:
            answer.states[topic.partition("/")[0]] = decode_status(payload)
        except MessageError:
            return

    client_id = f"ecms-status-{socket.gethostname()}-{secrets.token_hex(8)}"
    topic = f"+/{names.STATUS}" if slug is None else names.status_topic(slug)
    try:
        link = MqttLink(settings, login.password, client_id, [topic], heard, lambda: None)
    except ConfigError as error:
        answer.trouble = str(error)
        return answer
    with selectors.DefaultSelector() as selector:
        if _turn(link, selector, CONNECT_S, lambda: link.up):
            _turn(link, selector, ANSWER_S, lambda: set(expected) <= set(answer.states))
        else:
            answer.trouble = link.trouble or f"the broker at {answer.address} does not answer: see that it runs"
        link.close(selector)
    return answer


def _turn(link: MqttLink, selector: selectors.BaseSelector, seconds: float, done: Callable[[], bool]) -> bool:
    """Let the link work until ``done``, the time is over or it has met an obstacle; return whether it is done."""
    deadline = time.monotonic() + seconds
    while not done():
        if link.trouble or time.monotonic() >= deadline:
            return False
        hidden = link.prepare(selector)
        for _key, events in selector.select(0 if hidden else 0.05):
            link.handle(events)
        if hidden:
            link.handle(selectors.EVENT_READ)
        link.tick()
    return True
