"""What the role emqx refuses before it touches anything: one sentence each, which says what to set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from emqx.role import SECRETS, household, play

SHA256 = "0" * 64


def client(username: str, topic: str = "a_b/sensori") -> dict[str, Any]:
    rule = {"action": "subscribe", "effect": "allow", "topic": topic, "match": "pattern"}
    return {"username": username, "password": "x" * 20, "rules": [rule]}


def services(**secrets: str) -> dict[str, Any]:
    return {"ecms_services": {"secrets": SECRETS | secrets, "hubs": {"broker": []}}}


CLUSTER: dict[str, Any] = {"emqx_cluster_address": "10.0.0.1", "emqx_cluster_hosts": ["cluster", "other-node"]}
CASES: dict[str, tuple[dict[str, Any], str]] = {
    "usual": ({}, ""),
    "all-of-it": (
        {
            "release": "13",
            "emqx_clients": [client("monitor")],
            "emqx_absent": ["acb"],
            "emqx_tls": False,
            "certificates_paths": {},
        },
        "",
    ),
    "other-licence": ({"emqx_version": "5.9.0"}, "emqx_version is 5.9.0: set one of 5.8, from 5.8.3 on, such as 5.8.9"),
    "too-old": ({"emqx_version": "5.8.2"}, "emqx_version is 5.8.2: set one of 5.8, from 5.8.3 on"),
    "no-version": ({"emqx_version": "latest"}, "emqx_version is latest: set one of 5.8"),
    "too-old-for-13": (
        {"release": "13", "emqx_version": "5.8.7"},
        "EMQX has packages for Debian 13 from 5.8.8 on: set emqx_version to 5.8.8 or later",
    ),
    "offline-without-checksum": (
        {"emqx_package_path": "/etc/hostname"},
        "emqx_package_path is set: set emqx_package_sha256 to what sha256sum prints for that file",
    ),
    "no-checksum": ({"emqx_package_sha256": "abc"}, "emqx_package_sha256 is no SHA-256: set the 64 hex digits"),
    "no-package": (
        {"emqx_package_path": "/nonexistent.deb", "emqx_package_sha256": SHA256},
        "emqx_package_path is /nonexistent.deb, which is no file on this machine",
    ),
    "no-passwords": ({"ecms_services": {"secrets": {}}}, "The broker has no passwords: run site.yml"),
    "colon": (services(mqtt_admin="with:colon-and-more"), "has a colon or a space, which EMQX cannot read"),
    "no-certificate": ({"certificates_paths": {}}, "The broker has no certificate: run site.yml"),
    "same-ports": (
        {"emqx_plain_port": 8883},
        "emqx_plain_port, emqx_tls_port and emqx_api_port are 8883, 18083, 8883, 4370, 5369: set different ports",
    ),
    "port-of-erlang": ({"emqx_api_port": 4370}, "set different ports, and neither 4370 nor 5369"),
    "other-node": ({"emqx_cluster_address": "10.0.0.2"}, ""),
    "cluster": (CLUSTER | {"emqx_cluster_cookie": "C" * 40}, ""),
    "no-cookie": (
        CLUSTER | {"emqx_cluster_hosts": ["no-cookie", "other-node"]},
        "The cluster has no cookie of letters and digits: run site.yml, whose role household makes",
    ),
    "odd-cookie": (
        CLUSTER | {"emqx_cluster_hosts": ["odd-cookie", "other-node"], "emqx_cluster_cookie": "a cookie with blanks"},
        "The cluster has no cookie of letters and digits",
    ),
    "nowhere": (
        CLUSTER | {"emqx_cluster_hosts": ["nowhere", "elsewhere"], "emqx_cluster_cookie": "C" * 40},
        "The address at which other brokers reach elsewhere is not known in this run: set emqx_cluster_address for it",
    ),
    "same-address": (
        CLUSTER | {"emqx_cluster_hosts": ["same-address", "cluster"], "emqx_cluster_cookie": "C" * 40},
        "emqx_cluster_address of same-address is 10.0.0.1: set an address that this machine has itself and no other",
    ),
    "twice": ({"emqx_clients": [client("a_b")]}, "emqx_clients names a user that exists already"),
    "wanted-and-absent": ({"emqx_absent": ["a_b"]}, "emqx_absent names a_b, still wanted"),
    "too-wide": ({"emqx_clients": [client("monitor", "+/+")]}, "EMQX would take '+/+' for '+/#' too"),
}


@dataclass(frozen=True)
class Refusals:
    """What the preflight says to each case, nothing where it is content, and what the user sees of it all."""

    said: dict[str, str]
    output: str


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> Refusals:
    check = {"ansible.builtin.include_role": {"name": "emqx", "tasks_from": "preflight"}}
    said = "{{ (ansible_failed_result.msg | default('')) | dump(dump_to) }}"
    tasks = [
        {
            "block": [check, {"ansible.builtin.set_fact": {"_dumped": "{{ '' | dump(dump_to) }}"}}],
            "rescue": [{"ansible.builtin.set_fact": {"_dumped": said}}],
        }
    ]
    directory = tmp_path_factory.mktemp("preflight")
    found = play(directory, {name: case for name, (case, _) in CASES.items()}, tasks)
    words = {name: " ".join(text.split()) for name, text in found.items()}
    return Refusals(words, " ".join((directory / "output").read_text().split()))


@pytest.mark.parametrize("name", CASES)
def test_each_mistake_has_its_sentence_and_the_user_sees_it(refusals: Refusals, name: str) -> None:
    sentence = CASES[name][1]
    if sentence:
        assert sentence in refusals.said[name]
        assert sentence in refusals.output
    else:
        assert refusals.said[name] == ""


def test_nothing_shows_a_secret(refusals: Refusals) -> None:
    secrets = [*SECRETS.values(), "with:colon-and-more", "x" * 20, *household("a_b")["secrets"].values()]
    assert not [secret for secret in secrets if secret in refusals.output]
