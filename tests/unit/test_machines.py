"""What the machines derive from the computer they run on; starting them is the business of the other stages."""

import subprocess
from pathlib import Path

import pytest

from machines import MachineError, apt, host, image, up
from machines.machine import Machine, choose_address

MACHINE = Machine("one", "bookworm", "pi", "ecms", "10.89.0.7", 22, "pi", "/keys/one", "/keys/known hosts")


def test_archive_and_security_archive_of_a_debian() -> None:
    listing = (
        "http://mirror.example/debian|Debian\n"
        "http://mirror.example/debian|Debian\n"
        "https://packages.example/tools|Tools\n"
        "http://mirror.example/debian-security/|Debian-Security\n"
    )
    assert apt.parse_targets(listing) == ("http://mirror.example/debian", "http://mirror.example/debian-security")


@pytest.mark.parametrize(
    "listing", ["", "http://archive.ubuntu.com/ubuntu|Ubuntu\n", "mirror+file:/etc/apt/m|Debian\n"]
)
def test_the_public_archive_where_this_computer_names_none(listing: str) -> None:
    assert apt.parse_targets(listing) == ("http://deb.debian.org/debian", "http://deb.debian.org/debian-security")


def test_mirrors_not_yet_updated_are_known_by_their_path() -> None:
    listing = "http://m.example/debian-security|\nhttp://m.example/debian|\n"
    assert apt.parse_targets(listing) == ("http://m.example/debian", "http://m.example/debian-security")


def test_settings_that_reach_the_archive_are_passed_on_and_no_others() -> None:
    wanted = [
        'Acquire::http::Proxy "http://127.0.0.1:3142";',
        'Acquire::https::Proxy::mirror.example "DIRECT";',
        'Acquire::Check-Valid-Until "false";',
    ]
    others = ['Acquire "";', 'Acquire::http::Proxy "";', 'Acquire::Languages "none";', 'Dir::Cache "var/cache/apt";']
    settings = apt.parse_settings("\n".join([*others, *wanted]))
    assert settings == tuple(wanted)


def test_a_proxy_on_this_computer_is_reached_through_the_gateway() -> None:
    settings = (
        'Acquire::http::Proxy "http://localhost:3142/";',
        'Acquire::https::Proxy "http://proxy.localhost.example:80";',
    )
    access = apt.AptAccess("", "", settings, ())
    assert access.settings_behind("10.89.0.1").splitlines() == [
        'Acquire::http::Proxy "http://10.89.0.1:3142/";',
        'Acquire::https::Proxy "http://proxy.localhost.example:80";',
    ]


def test_a_name_keeps_its_address_and_two_names_never_share_one() -> None:
    first = choose_address("one", "10.89.0.0/24", set())
    assert choose_address("one", "10.89.0.0/24", {"10.89.0.255"}) == first
    assert choose_address("one", "10.89.0.0/24", {first}) != first


def test_addresses_run_out_with_a_sentence() -> None:
    taken = {f"10.89.0.{last}" for last in range(256)}
    lowest = {choose_address("one", "10.89.0.0/24", taken - {f"10.89.0.{last}"}) for last in (10, 254)}
    assert lowest == {"10.89.0.10", "10.89.0.254"}
    with pytest.raises(MachineError, match="no free address"):
        choose_address("one", "10.89.0.0/24", taken)


@pytest.mark.parametrize("name", ["", "Pi", "pi_1", "-pi", "pi;reboot", "p" * 32])
def test_names_that_are_no_host_names_are_refused(name: str) -> None:
    for names in ((name, "bookworm", "pi", "ecms"), ("pi", "bookworm", name, "ecms"), ("pi", "bookworm", "pi", name)):
        with pytest.raises(MachineError, match="lower-case letters"):
            up(*names)


def test_an_unknown_suite_is_refused() -> None:
    with pytest.raises(MachineError, match="choose bookworm or trixie"):
        image.ensure("buster")


def test_the_image_is_another_when_the_archive_is(monkeypatch: pytest.MonkeyPatch) -> None:
    names = set()
    for archive in ("http://a.example/debian", "http://b.example/debian"):
        access = apt.AptAccess(archive, "", (), ())
        monkeypatch.setattr(apt, "detect", lambda access=access: access)
        names |= {image.reference("bookworm"), image.reference("trixie"), image.reference("trixie")}
    assert len(names) == 4


def test_the_host_key_of_a_machine_is_always_checked() -> None:
    options = MACHINE.ssh_options()
    assert "StrictHostKeyChecking=yes" in options
    assert MACHINE.ssh_args()[-1] == "pi@10.89.0.7"
    variables = MACHINE.inventory_variables()
    assert "'UserKnownHostsFile=/keys/known hosts'" in str(variables["ansible_ssh_common_args"])
    assert variables["ansible_port"] == 22


def test_the_file_system_of_a_mount_point() -> None:
    assert host.file_system(Path("/proc")) == "proc"
    assert host.file_system(Path("/no/such/mount")) == ""


def test_a_failed_command_is_reported_by_its_last_sentence() -> None:
    errors = "time=x level=warning msg=noise\nError: no such image\ntime=x level=warning msg=more\n"
    with pytest.raises(MachineError, match=r"^podman run failed: Error: no such image$"):
        host.check(subprocess.CompletedProcess([], 125, "", errors), "podman run")
    with pytest.raises(MachineError, match=r"^it failed: exit status 3$"):
        host.check(subprocess.CompletedProcess([], 3, "", ""), "it")


def test_a_missing_program_and_a_timeout_say_what_to_do() -> None:
    with pytest.raises(MachineError, match=r"no-such-program is missing: run make setup"):
        host.execute(["no-such-program"])
    with pytest.raises(MachineError, match=r"did not end within 0\.1 s"):
        host.execute(["sleep", "5"], timeout=0.1)
