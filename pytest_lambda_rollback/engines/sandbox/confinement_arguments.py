"""The arguments by which bubblewrap makes an execution environment like Lambda's.

The file system is Lambda's layout over read-only parts of this machine; nothing but /tmp can be
written. Pure: nothing is looked up or started here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pytest_lambda_rollback.model.services import SERVICES_FOLDER

USER_ID, GROUP_ID = 993, 990
"""The user that Lambda runs functions as (``sbx_user1051``)."""

HOST_NAME = "169.254.100.6"
CARRIER = "/carrier"
LANGUAGE_FOLDER = "/var/lang"
_DEVICES = ("null", "zero", "full", "random", "urandom")
_DEVICE_LINKS = (("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2"))
_TMP = "/tmp"  # noqa: S108 - a path inside
_PROCESSES = 1024
_OPEN_FILES = 1024
"""Lambda's quotas for processes with threads, and for file descriptors:
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html#function-configuration-deployment-and-execution
"""

CAPABILITIES_TO_CHANGE_USER = ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP")
_LOW_PORTS = "net_bind_service"
"""What root leaves to the carrier alone, which gives it to no process of the function."""
_SERVICES_BYTES = 1024 * 1024
_OPEN_LOW_PORTS = 'echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start && exec "$@"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A file or folder of this machine that is seen, read-only, at a path inside."""

    source: Path
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Confinement:
    """What one execution environment is made of."""

    bubblewrap: Path
    as_root: bool
    """Whether this machine's root starts it. No user namespace is needed then, files keep their
    owners, and the environment's user is changed to Lambda's before anything is run."""
    links: tuple[tuple[str, str], ...]
    """(target, path) of symbolic links."""
    mounts: tuple[Mount, ...]
    """In this order: a later one may lie in an earlier one."""
    tmp_bytes: int
    opens_low_ports: bool = True
    """False where the carrier cannot have low ports of the environment's network."""
    limits_processes: bool = True
    """False where the kernel counts processes of a user over all namespaces, so that those
    outside would count too."""


def arguments(confinement: Confinement) -> tuple[str, ...]:
    """The whole command line, which ends in starting the carrier."""
    return (
        *network_arguments(confinement),
        str(confinement.bubblewrap),
        *namespace_arguments(confinement),
        *_file_system(confinement),
        "--chdir",
        "/var/task",
        "--as-pid-1",
        "--",
        *_user(confinement),
        *_limits(confinement),
        CARRIER,
    )


def network_arguments(confinement: Confinement) -> tuple[str, ...]:
    """An ordinary user's own network, in which low ports are open before it is confined.

    It belongs to a user namespace around that of the environment, where no process has rights.
    """
    if not _has_network_around(confinement):
        return ()
    bubblewrap = str(confinement.bubblewrap)
    namespaces = ("--unshare-user", "--uid", "0", "--gid", "0", "--unshare-net", "--cap-add", "ALL")
    files = ("--die-with-parent", "--bind", "/", "/", "--dev-bind", "/dev", "/dev")
    return (bubblewrap, *namespaces, *files, "--", "/bin/sh", "-c", _OPEN_LOW_PORTS, "sh")


def _has_network_around(confinement: Confinement) -> bool:
    return confinement.opens_low_ports and not confinement.as_root


def namespace_arguments(confinement: Confinement) -> Iterator[str]:
    """The namespaces and rights of an environment."""
    for name in ("ipc", "pid", "uts", "cgroup"):
        yield f"--unshare-{name}"
    if not _has_network_around(confinement):
        yield "--unshare-net"
    yield from ("--die-with-parent", "--clearenv", "--hostname", HOST_NAME)
    yield from ("--cap-drop", "ALL")
    if confinement.as_root:
        for capability in CAPABILITIES_TO_CHANGE_USER:
            yield from ("--cap-add", capability)
        if confinement.opens_low_ports:
            yield from ("--cap-add", f"CAP_{_LOW_PORTS.upper()}")
    else:
        yield from ("--unshare-user", "--disable-userns")
        yield from ("--uid", str(USER_ID), "--gid", str(GROUP_ID))


def _file_system(confinement: Confinement) -> Iterator[str]:
    made: set[str] = set()
    mounted: set[str] = set()
    for target, path in confinement.links:
        yield from _folders_above(path, made, mounted)
        yield from ("--symlink", target, path)
    for mount in confinement.mounts:
        yield from _folders_above(mount.path, made, mounted)
        yield from ("--ro-bind", str(mount.source), mount.path)
        mounted.add(mount.path)
    yield from ("--tmpfs", "/dev")
    for device in _DEVICES:
        yield from ("--dev-bind", f"/dev/{device}", f"/dev/{device}")
    for name, target in _DEVICE_LINKS:
        yield from ("--symlink", f"/proc/self/{target}", f"/dev/{name}")
    yield from ("--remount-ro", "/dev", "--proc", "/proc")
    # An ordinary user owns its namespaces, and might change settings of the kernel for them.
    yield from ("--ro-bind", "/proc/sys", "/proc/sys")
    yield from ("--perms", "1777", "--size", str(confinement.tmp_bytes), "--tmpfs", _TMP)
    yield from _folders_above(SERVICES_FOLDER, made, mounted)
    yield from ("--perms", "1777", "--size", str(_SERVICES_BYTES), "--tmpfs", SERVICES_FOLDER)
    yield from ("--remount-ro", "/")


def _folders_above(path: str, made: set[str], mounted: set[str]) -> Iterator[str]:
    """Make the folders above a path: those that bubblewrap makes by itself are closed to others."""
    above = [str(folder) for folder in PurePosixPath(path).parents][:-1]
    if not mounted.isdisjoint(above):
        return
    for folder in reversed(above):
        if folder not in made:
            made.add(folder)
            yield from ("--perms", "0755", "--dir", folder)


def _user(confinement: Confinement) -> tuple[str, ...]:
    if not confinement.as_root:
        return ()
    identity = (f"--reuid={USER_ID}", f"--regid={GROUP_ID}", "--clear-groups")
    kept = f"-all,+{_LOW_PORTS}" if confinement.opens_low_ports else "-all"
    rights = (f"--inh-caps={kept}", f"--ambient-caps={kept}", "--bounding-set=-all")
    return ("/usr/bin/setpriv", *identity, *rights)


def _limits(confinement: Confinement) -> tuple[str, ...]:
    processes = (f"--nproc={_PROCESSES}",) if confinement.limits_processes else ()
    return ("/usr/bin/prlimit", *processes, f"--nofile={_OPEN_FILES}", "--core=0")
