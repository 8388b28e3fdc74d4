"""The files that the role emqx writes, as a HOCON parser, Erlang's arguments and systemd read them."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyhocon import ConfigFactory  # type: ignore[import-untyped]

from emqx.role import SECRETS, household, play
from notrun import not_run
from role_plugins import ROOT

CLUSTER_CONF = 'node.cookie = "the cookie of all"\n'
BROKERS = ["one", "two", "three"]
SECRETS_CONF = 'node.cookie = "a cookie"\ndashboard.default_password = "unknown"\n'
TEMPLATES = ("emqx.conf", "acl.conf", "emqx.service")
CASES: dict[str, dict[str, Any]] = {
    "usual": {},
    "other": {
        "emqx_tls": False,
        "emqx_plain_port": 11883,
        "emqx_api_port": 28083,
        "emqx_allowed_networks": ["192.168.1.0/24", "fd00::/8"],
        "emqx_households": [household("a_b"), household("acb")],
    },
    **{
        name: {
            "ansible_host": f"10.0.0.{number}",
            "emqx_cluster_hosts": BROKERS,
            "emqx_cluster_cookie": "C" * 40,
            "emqx_allowed_networks": ["192.168.1.0/24"],
        }
        for number, name in enumerate(BROKERS, start=1)
    },
    # By another network than the one by which it is provisioned, and found by name.
    "by-name": {
        "emqx_cluster_hosts": ["by-name", "two"],
        "emqx_cluster_address": "172.16.0.4",
        "emqx_cluster_cookie": "C" * 40,
        "emqx_cluster_dns": "brokers.example.org",
    },
    "tls-elsewhere": {"emqx_tls_port": 8884, "emqx_tls_address": "192.168.1.2"},
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """Return for each case what each template becomes."""
    rendered = ", ".join(
        f"'{name}': lookup('ansible.builtin.template', '{ROOT}/roles/emqx/templates/{name}.j2')" for name in TEMPLATES
    )
    rendered += (
        ", 'vm.args': _emqx_interface, 'keeps_users': _emqx_keeps_users, 'wanted': _emqx_wanted_nodes | join(' ')"
    )
    task = {"ansible.builtin.set_fact": {"_dumped": f"{{{{ {{{rendered}}} | dump(dump_to) }}}}"}}
    found: dict[str, dict[str, str]] = play(tmp_path_factory.mktemp("files"), CASES, [task])
    return found


@pytest.fixture(scope="module")
def config(files: dict[str, dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what a HOCON parser reads, with the file of secrets that the role makes on the host."""
    directory = tmp_path_factory.mktemp("secrets")
    (directory / "secrets.conf").write_text(SECRETS_CONF)
    (directory / "cluster.conf").write_text(CLUSTER_CONF)
    read = {}
    for name, texts in files.items():
        assert texts["emqx.conf"].count('include "/etc/emqx/ecms/secrets.conf"') == 1
        text = re.sub(r'^include "/etc/emqx/ecms/', f'include "{directory}/', texts["emqx.conf"], flags=re.MULTILINE)
        read[name] = ConfigFactory.parse_string(text)
    return read


def test_nothing_but_tls_and_loopback_listens(config: dict[str, Any]) -> None:
    usual = config["usual"]
    assert set(usual["listeners"]) == {"tcp", "ssl", "ws", "wss"}
    assert usual["listeners.tcp.default.bind"] == "127.0.0.1:1883"
    assert usual["listeners.ssl.default.bind"] == "0.0.0.0:8883"
    assert [usual[f"listeners.{kind}.default.enable"] for kind in ("ws", "wss")] == [False, False]
    assert usual["dashboard.listeners.http.bind"] == "127.0.0.1:18083"
    assert usual["rpc.listen_address"] == "127.0.0.1"
    assert config["other"]["listeners.tcp.default.bind"] == "127.0.0.1:11883"
    assert config["other"]["listeners.ssl.default"] == {"enable": False}
    assert config["other"]["dashboard.listeners.http.bind"] == "127.0.0.1:28083"
    assert config["tls-elsewhere"]["listeners.ssl.default.bind"] == "192.168.1.2:8884"


def test_tls_is_of_today_and_its_files_are_what_the_unit_hands_over(
    config: dict[str, Any], files: dict[str, dict[str, str]]
) -> None:
    options = config["usual"]["listeners.ssl.default.ssl_options"]
    assert options["versions"] == ["tlsv1.3", "tlsv1.2"]
    handed = dict(re.findall(r"^LoadCredential=([^:]+):(.+)$", files["usual"]["emqx.service"], re.MULTILINE))
    assert handed == {
        "ca.crt": "/etc/ecms/tls/ca.crt",
        "server.crt": "/etc/ecms/tls/server.crt",
        "server.key": "/etc/ecms/tls/server.key",
    }
    used = {options[key] for key in ("cacertfile", "certfile", "keyfile")}
    assert used == {f"/run/credentials/emqx.service/{name}" for name in handed}
    assert "LoadCredential" not in files["other"]["emqx.service"]


def test_what_no_rule_matches_is_denied_and_the_rules_are_ours_alone(config: dict[str, Any]) -> None:
    authorization = config["usual"]["authorization"]
    assert authorization["no_match"] == "deny"
    assert authorization["deny_action"] == "disconnect"
    assert authorization["sources"] == [{"type": "file", "enable": True, "path": "/etc/emqx/ecms/acl.conf"}]


def test_users_come_from_the_database_and_from_no_file(config: dict[str, Any]) -> None:
    (authenticator,) = config["usual"]["authentication"]
    assert authenticator == {
        "mechanism": "password_based",
        "backend": "built_in_database",
        "user_id_type": "username",
        "password_hash_algorithm": {"name": "sha256", "salt_position": "prefix"},
        "bootstrap_file": "",
    }


def test_secrets_are_included(config: dict[str, Any]) -> None:
    assert config["usual"]["node"]["cookie"] == "a cookie"
    assert config["usual"]["node"]["name"] == "emqx@127.0.0.1"
    assert config["usual"]["dashboard.default_password"] == "unknown"


def test_a_client_id_counts_within_its_user(config: dict[str, Any]) -> None:
    assert config["usual"]["mqtt.clientid_override"] == "concat([username, '/', clientid])"


def test_the_window_is_as_wide_as_that_of_mosquitto(config: dict[str, Any]) -> None:
    mosquitto = yaml.safe_load((ROOT / "roles/mosquitto/defaults/main.yml").read_text())
    mqtt = config["usual"]["mqtt"]
    assert mqtt["max_inflight"] == mosquitto["mosquitto_max_inflight_messages"]
    assert mqtt["max_mqueue_len"] == mosquitto["mosquitto_max_queued_messages"]
    assert mqtt["max_packet_size"] == mosquitto["mosquitto_max_packet_bytes"]
    assert mqtt["mqueue_store_qos0"] is False
    assert config["usual"]["force_shutdown.max_mailbox_size"] > mqtt["max_mqueue_len"]


def test_telemetry_is_off_and_the_log_goes_to_the_journal(config: dict[str, Any]) -> None:
    assert config["usual"]["telemetry.enable"] is False
    assert config["usual"]["log.console.enable"] is True
    assert config["usual"]["log.file.default.enable"] is False


def test_no_file_holds_a_secret(files: dict[str, dict[str, str]]) -> None:
    secrets = [*SECRETS.values(), *household("a_b")["secrets"].values()]
    secrets.append("C" * 40)
    texts = [str(text) for case in files.values() for text in case.values()]
    assert not [secret for secret in secrets for text in texts if secret in text]


def test_households_come_and_go_without_a_change_of_the_rules(files: dict[str, dict[str, str]]) -> None:
    assert files["other"]["acl.conf"] == files["usual"]["acl.conf"]


def test_several_brokers_are_one_cluster(config: dict[str, Any], files: dict[str, dict[str, str]]) -> None:
    nodes = [f"emqx@10.0.0.{number}" for number in (1, 2, 3)]
    for name, node in zip(BROKERS, nodes, strict=True):
        found = config[name]
        assert (found["node.name"], found["node.cookie"]) == (node, "the cookie of all")
        assert (found["cluster.discovery_strategy"], found["cluster.static.seeds"]) == ("static", nodes)
        assert (found["rpc.listen_address"], found["rpc.insecure_fallback"]) == (node.partition("@")[2], False)
        assert found["listeners.tcp.default.bind"] == "127.0.0.1:1883"
        assert found["dashboard.listeners.http.bind"] == "127.0.0.1:18083"
        assert files[name]["wanted"].split() == nodes
        assert "IPAddressAllow=localhost 192.168.1.0/24 10.0.0.1 10.0.0.2 10.0.0.3\n" in files[name]["emqx.service"]
    assert [bool(files[name]["keeps_users"]) for name in BROKERS] == [True, False, False]


def test_brokers_may_find_each_other_by_name(config: dict[str, Any]) -> None:
    found = config["by-name"]
    assert found["node.name"] == "emqx@172.16.0.4"
    assert found["cluster.discovery_strategy"] == "dns"
    assert found["cluster.dns"] == {"name": "brokers.example.org", "record_type": "a"}


def test_a_broker_by_itself_looks_for_no_other(config: dict[str, Any], files: dict[str, dict[str, str]]) -> None:
    for name in ("usual", "other", "tls-elsewhere"):
        assert config[name]["cluster.discovery_strategy"] == "manual"
        assert "static" not in config[name]["cluster"]
        assert "cluster.conf" not in files[name]["emqx.conf"]
        assert files[name]["keeps_users"]


def test_one_writer_gets_all_readings_of_a_household(config: dict[str, Any]) -> None:
    assert {found["mqtt.shared_subscription_strategy"] for found in config.values()} == {"hash_topic"}


def test_the_unit_narrows_the_network_where_that_is_wanted(files: dict[str, dict[str, str]]) -> None:
    assert "IPAddress" not in files["usual"]["emqx.service"]
    assert "IPAddressDeny=any\nIPAddressAllow=localhost 192.168.1.0/24 fd00::/8\n" in files["other"]["emqx.service"]


def test_systemd_understands_the_unit(files: dict[str, dict[str, str]], tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        not_run("systemd is not installed on this machine")
    (tmp_path / "emqx.service").write_text(f"[Service]\nExecStart=/bin/true\n{files['other']['emqx.service']}")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / "emqx.service")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert not re.search(r"(Unknown|Failed to parse|Invalid|ignoring)", done.stderr), done.stderr


@pytest.mark.parametrize(("name", "address"), [("usual", "127,0,0,1"), ("two", "10,0,0,2")])
def test_erlang_takes_the_arguments(name: str, address: str, files: dict[str, dict[str, str]], tmp_path: Path) -> None:
    """The line that the role adds to vm.args makes Erlang listen for its own host or its cluster only."""
    if shutil.which("erl") is None:
        not_run("Erlang is not installed: make setup-test installs it")
    (tmp_path / "vm.args").write_text(f"{files[name]['vm.args']}\n")
    show = 'io:format("~w", [application:get_env(kernel, inet_dist_use_interface)]), halt().'
    done = subprocess.run(
        ["erl", "-noshell", "-args_file", str(tmp_path / "vm.args"), "-eval", show],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == f"{{ok,{{{address}}}}}", shlex.join(done.args)
