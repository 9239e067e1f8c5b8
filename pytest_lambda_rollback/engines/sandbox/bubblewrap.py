"""Finding bubblewrap, and finding out whether it can confine anything on this machine.

bubblewrap is asked to start a program that does nothing, the way environments are started. What
it says where it cannot becomes a reason with a remedy.
"""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from pytest_lambda_rollback.engines.sandbox.confinement_arguments import (
    Confinement,
    namespace_arguments,
    network_arguments,
)
from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.packages import descriptors

_OLDEST = (0, 8)
"""The first release that limits the size of a tmpfs and forbids further user namespaces."""
_TIMEOUT_S = 15
_TOOLS = ("/usr/bin/prlimit", "/usr/bin/setpriv")
_NAMESPACE_COUNTS_PROCESSES = (5, 14)
"""Kernel version since which a user namespace counts processes on its own account."""
_INSTALL = "Install it (Debian, Ubuntu: apt-get install bubblewrap), or install and start Docker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bubblewrap:
    """A bubblewrap that can confine functions here."""

    executable: Path
    version: str
    as_root: bool
    limits_processes: bool
    opens_low_ports: bool = True
    """The carrier can have the port of a name server, and those of services."""


def find_bubblewrap() -> Bubblewrap:
    """The machine's bubblewrap, tried out. Raises EngineError with the reason and a remedy."""
    found = shutil.which("bwrap")
    if found is None:
        raise _cannot_run("bubblewrap (bwrap) is not installed", _INSTALL)
    tools = [path for path in _TOOLS if not Path(path).exists()]
    if tools:
        raise _cannot_run(
            f"there is no {tools[0]}", "Install util-linux, or install and start Docker"
        )
    executable = Path(found)
    version = _version_of(executable)
    as_root = descriptors.user_id() == 0
    bubblewrap = Bubblewrap(
        executable=executable,
        version=version,
        as_root=as_root,
        limits_processes=as_root or _numbers(platform.release()) >= _NAMESPACE_COUNTS_PROCESSES,
    )
    if _refused(bubblewrap) is None:
        return bubblewrap
    without = replace(bubblewrap, opens_low_ports=False)
    said = _refused(without)
    if said is not None:
        raise refusal(said)
    return without


def _version_of(executable: Path) -> str:
    try:
        done = subprocess.run(
            [executable, "--version"],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=_TIMEOUT_S,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise _cannot_run(f"{executable} cannot be run: {error}", _INSTALL) from error
    version = done.stdout.strip().rpartition(" ")[2]
    if _numbers(version) < _OLDEST:
        oldest = ".".join(map(str, _OLDEST))
        raise _cannot_run(
            f"{executable} is version {version or 'unknown'}, and {oldest} or newer is needed",
            "Install a newer bubblewrap, or install and start Docker",
        )
    return version


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])


def _refused(bubblewrap: Bubblewrap) -> str | None:
    """What bubblewrap says where it cannot make a sandbox; ``None`` where it can."""
    confinement = Confinement(
        bubblewrap=bubblewrap.executable,
        as_root=bubblewrap.as_root,
        opens_low_ports=bubblewrap.opens_low_ports,
        links=(),
        mounts=(),
        tmp_bytes=0,
    )
    command = [*network_arguments(confinement), str(bubblewrap.executable)]
    command += [*namespace_arguments(confinement), "--ro-bind", "/", "/", "--proc", "/proc"]
    try:
        done = subprocess.run(
            [*command, "--", "/usr/bin/prlimit", "--version"],
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=_TIMEOUT_S,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise _cannot_run(f"{bubblewrap.executable} cannot be run: {error}", _INSTALL) from error
    return done.stderr if done.returncode != 0 else None


def refusal(message: str) -> EngineError:
    """The error for what bubblewrap printed as it could not make a sandbox."""
    said = next((line for line in message.splitlines() if line), "bwrap failed without a message")
    if _in_container():
        return _cannot_run(
            f"this is a container that forbids namespaces ({said})",
            "Run it in a container that may make them (docker run --privileged), on the machine "
            "itself, or where Docker answers",
        )
    if _setting("kernel/apparmor_restrict_unprivileged_userns") == "1":
        return _cannot_run(
            f"AppArmor keeps user namespaces from this user ({said})",
            "Allow them (sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0), run as "
            "root, or install and start Docker",
        )
    if _setting("kernel/unprivileged_userns_clone") == "0":
        return _cannot_run(
            f"the kernel keeps user namespaces from this user ({said})",
            "Allow them (sudo sysctl kernel.unprivileged_userns_clone=1), run as root, or "
            "install and start Docker",
        )
    if _setting("user/max_user_namespaces") == "0":
        return _cannot_run(
            f"the kernel allows no user namespaces ({said})",
            "Allow them (sudo sysctl user.max_user_namespaces=10000), run as root, or install "
            "and start Docker",
        )
    return _cannot_run(f"bubblewrap cannot make a sandbox ({said})", "Install and start Docker")


def _in_container() -> bool:
    return Path("/.dockerenv").exists() or Path("/run/.containerenv").exists()


def _setting(name: str) -> str:
    try:
        return Path("/proc/sys", name).read_text().strip()
    except OSError:
        return ""


def _cannot_run(why: str, do: str) -> EngineError:
    return EngineError("the sandbox engine cannot run here", why=why, do=do)
