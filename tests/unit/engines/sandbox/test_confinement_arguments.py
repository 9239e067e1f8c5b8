"""The command line that makes a sandbox, and reasons why there cannot be one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pytest_lambda_rollback.engines.host.interpreters import Interpreter
from pytest_lambda_rollback.engines.sandbox import bubblewrap
from pytest_lambda_rollback.engines.sandbox.confinement_arguments import (
    Confinement,
    Mount,
    arguments,
)
from pytest_lambda_rollback.engines.sandbox.file_system import links_and_mounts, write_own_files
from pytest_lambda_rollback.errors import EngineError

CONFINEMENT = Confinement(
    bubblewrap=Path("/usr/bin/bwrap"),
    as_root=True,
    links=(("usr/lib", "/lib"),),
    mounts=(
        Mount(source=Path("/usr"), path="/usr"),
        Mount(source=Path("/own/empty"), path="/usr/local"),
        Mount(source=Path("/own/tree"), path="/var/task"),
    ),
    tmp_bytes=1024,
)


def test_root_changes_its_user_inside() -> None:
    command = " ".join(arguments(CONFINEMENT))
    assert "--unshare-user" not in command
    assert (
        "--cap-drop ALL --cap-add CAP_SETUID --cap-add CAP_SETGID --cap-add CAP_SETPCAP "
        "--cap-add CAP_NET_BIND_SERVICE " in command
    )
    only = "=-all,+net_bind_service"
    assert command.endswith(
        "--as-pid-1 -- /usr/bin/setpriv --reuid=993 --regid=990 --clear-groups "
        f"--inh-caps{only} --ambient-caps{only} --bounding-set=-all "
        "/usr/bin/prlimit --nproc=1024 --nofile=1024 --core=0 /carrier"
    )


def test_root_keeps_no_right_where_it_cannot() -> None:
    command = " ".join(arguments(replace(CONFINEMENT, opens_low_ports=False)))
    assert "net_bind_service" not in command.lower()
    assert "--inh-caps=-all --ambient-caps=-all --bounding-set=-all /usr/bin/prlimit" in command


def test_another_user_is_mapped() -> None:
    command = " ".join(arguments(replace(CONFINEMENT, as_root=False, limits_processes=False)))
    assert "--unshare-user --disable-userns --uid 993 --gid 990" in command
    around, inner = command.split(" sh /usr/bin/bwrap ")
    assert around.startswith("/usr/bin/bwrap --unshare-user --uid 0 --gid 0 --unshare-net")
    assert "echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start" in around
    assert "--unshare-net" not in inner
    assert "--cap-add" not in inner
    assert command.endswith("--as-pid-1 -- /usr/bin/prlimit --nofile=1024 --core=0 /carrier")


def test_another_user_may_be_kept_from_low_ports() -> None:
    other = replace(CONFINEMENT, as_root=False, opens_low_ports=False)
    command = " ".join(arguments(other))
    assert command.count("/usr/bin/bwrap") == 1
    assert "--unshare-net" in command


def test_only_tmp_can_be_written_and_has_its_size() -> None:
    command = " ".join(arguments(CONFINEMENT))
    assert command.count("--tmpfs") == 3
    assert "--remount-ro /dev --proc /proc" in command
    assert "--perms 1777 --size 1024 --tmpfs /tmp" in command
    assert "--perms 1777 --size 1048576 --tmpfs /run/lambda-rollback --remount-ro / " in command
    assert " --bind" not in command


def test_folders_above_mounts_are_open_to_lambdas_user() -> None:
    command = " ".join(arguments(CONFINEMENT))
    assert "--perms 0755 --dir /var --ro-bind /own/tree /var/task" in command
    assert "--dir /usr" not in command, "it lies in what is mounted"


def interpreter(prefix: str) -> Interpreter:
    return Interpreter(
        executable=Path(prefix, "bin/python3.11"),
        version="3.11",
        full_version="3.11.7",
        prefix=Path(prefix),
        stdlib=Path(prefix, "lib/python3.11"),
        libraries=(Path(prefix, "lib/libpython3.11.so"), Path("/nix/store/x-openssl/lib/a.so")),
        runtime_paths=(Path("/venv/boto3"),),
    )


def mounted(prefix: str, own: Path) -> tuple[dict[str, str], dict[str, str]]:
    links, mounts = links_and_mounts(
        interpreter(prefix),
        own=own,
        carrier=Path("/package/carrier"),
        task=Path("/run/task"),
        opt=Path("/run/opt"),
    )
    return {path: target for target, path in links}, {
        mount.path: str(mount.source) for mount in mounts
    }


def test_an_interpreter_of_its_own_folder_is_at_awss_place(tmp_path: Path) -> None:
    links, mounts = mounted("/home/me/python", tmp_path)
    assert mounts["/var/lang"] == "/home/me/python"
    assert mounts["/usr/local"] == str(tmp_path / "empty")
    assert mounts["/nix/store/x-openssl/lib"] == "/nix/store/x-openssl/lib"
    assert mounts["/var/runtime/boto3"] == "/venv/boto3"
    assert "/var/lang/bin/python3.11" not in links
    assert not [path for path in mounts if path.startswith("/home")]


def test_an_interpreter_of_the_system_is_linked_there(tmp_path: Path) -> None:
    links, mounts = mounted("/usr", tmp_path)
    assert links["/var/lang/bin/python3.11"].startswith("/usr/bin/python3.11")
    assert "/var/lang" not in mounts
    links, mounts = mounted("/usr/local", tmp_path)
    assert "/usr/local" not in mounts
    assert links["/var/lang/bin/python3.11"] == "/usr/local/bin/python3.11"


def test_nothing_of_the_machines_accounts_is_seen(tmp_path: Path) -> None:
    write_own_files(tmp_path)
    _, mounts = mounted("/usr", tmp_path)
    for name in ("passwd", "group", "hosts", "resolv.conf", "nsswitch.conf"):
        assert mounts[f"/etc/{name}"] == str(tmp_path / "etc" / name)
        assert (tmp_path / "etc" / name).stat().st_mode & 0o777 == 0o444
    assert not {"/etc", "/home", "/root", "/run", "/var", "/tmp", "/"} & set(mounts)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        (
            {"kernel/unprivileged_userns_clone": "0"},
            "kernel.unprivileged_userns_clone=1)",
        ),
        (
            {"kernel/apparmor_restrict_unprivileged_userns": "1"},
            "kernel.apparmor_restrict_unprivileged_userns=0)",
        ),
        ({"user/max_user_namespaces": "0"}, "user.max_user_namespaces=10000)"),
        ({}, "Install and start Docker"),
    ],
)
def test_where_namespaces_are_forbidden_the_remedy_is_named(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], why: str
) -> None:
    monkeypatch.setattr(bubblewrap, "_setting", lambda name: settings.get(name, ""))
    monkeypatch.setattr(bubblewrap, "_in_container", lambda: False)
    error = bubblewrap.refusal("bwrap: setting up uid map: Permission denied\n")
    assert "(bwrap: setting up uid map: Permission denied)" in error.why
    assert why in error.do


def test_a_container_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bubblewrap, "_in_container", lambda: True)
    assert bubblewrap.refusal("bwrap: no").why == (
        "this is a container that forbids namespaces (bwrap: no)"
    )


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo bubblewrap 0.4.1", "is version 0.4.1, and 0.8 or newer is needed"),
        ("exit 1", "is version unknown, and 0.8 or newer is needed"),
        (
            'case $1 in --version) echo bubblewrap 0.11.0;; *) echo "bwrap: no" >&2; exit 1;; esac',
            "(bwrap: no)",
        ),
    ],
)
def test_a_bubblewrap_that_does_not_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, why: str
) -> None:
    program = tmp_path / "bwrap"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError, match="the sandbox engine cannot run here") as raised:
        bubblewrap.find_bubblewrap()
    assert why in raised.value.why
