"""The owners of containers, and the removal of what a run left that could not clean up.

Standard input is the lease of a container: when the connection to its owner ends, because that
was killed or its machine is off, Docker closes it and the carrier ends everything. So a container
that still runs has a living owner, wherever that is, unless it is known to be dead here.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_lambda_rollback.engines.docker.daemon import NotThere, translated
from pytest_lambda_rollback.engines.docker.image_chain import LABEL_PREFIX

if TYPE_CHECKING:
    from docker.client import DockerClient

OWNER_LABEL: Final = f"{LABEL_PREFIX}.owner"
ENGINE_LABEL: Final = f"{LABEL_PREFIX}.engine"
NAME_PREFIX: Final = "lambda-rollback-"
"""Every container of this plugin has such a name."""

_GRACE: Final = timedelta(minutes=5)
"""Time that an owner on another machine has to start what it made, and to remove what ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The process that made a container, unmistakable even after a reboot."""

    boot: str
    """Id of the machine's boot; empty on a system that has none."""
    namespace: str
    """The process id namespace that ``pid`` counts in."""
    pid: int
    started: str
    """Start time in clock ticks since boot, which differs for a later process of the same id."""

    def __str__(self) -> str:
        return f"{self.boot}/{self.namespace}/{self.pid}/{self.started}"


def this_process() -> Owner:
    """The owner that this process is."""
    pid = os.getpid()
    return Owner(boot=_boot(), namespace=_namespace(), pid=pid, started=_started(pid) or "")


def is_dead(label: str) -> bool:
    """True when the owner in a label ran in this boot of this machine and has certainly ended.

    In doubt False: an owner of another boot may live on another machine that uses this daemon.
    """
    match label.split("/"):
        case [boot, namespace, pid, started] if boot and pid.isdigit():
            here = boot == _boot() and namespace == _namespace()
            return here and _started(int(pid)) != started
    return False


def _boot() -> str:
    return _read("/proc/sys/kernel/random/boot_id")


def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink()).strip("pid:[]")
    except OSError:
        return ""


def _started(pid: int) -> str | None:
    """Field 22 of /proc/PID/stat, ``None`` when there is no such process (or only its husk)."""
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 and fields[0] not in "ZX" else None


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def remove_containers(client: DockerClient, wanted: Callable[[dict[str, Any]], bool]) -> None:
    """Remove, with what runs in them, the containers of this plugin that are wanted.

    ``wanted`` gets what the list of containers says of one. Labels alone are not enough: a
    container also has those of its image, which may be foreign. Raises EngineError.
    """
    with translated("the containers of this plugin could not be listed"):
        listed = client.api.containers(all=True, filters={"label": OWNER_LABEL})
    for container in listed:
        names = container.get("Names") or ()
        ours = any(name.startswith(f"/{NAME_PREFIX}") for name in names)
        if ours and wanted(container):
            remove_container(client, container["Id"])


def remove_container(client: DockerClient, container: str) -> None:
    """Kill and remove one container with its volumes; one that is gone is not an error.

    Raises EngineError if the daemon refuses.
    """
    import docker.errors

    with translated(f"the container {container[:40]} could not be removed"):
        try:
            client.api.remove_container(container, v=True, force=True)
        except docker.errors.NotFound:
            return
        except docker.errors.APIError as error:
            if error.status_code != 409:  # 409: its removal is under way already
                raise


def sweep(client: DockerClient) -> None:
    """Remove the containers of owners that have ended. Raises EngineError."""

    def left_behind(container: dict[str, Any]) -> bool:
        if is_dead((container.get("Labels") or {}).get(OWNER_LABEL, "")):
            return True
        if container.get("State") not in ("created", "exited", "dead"):
            return False
        with suppress(NotThere):
            return _is_forgotten(client, container["Id"])
        return False

    remove_containers(client, left_behind)


def _is_forgotten(client: DockerClient, container: str) -> bool:
    """True if a container has not run for longer than any living owner leaves it, by its clock."""
    with translated("a leftover of another run could not be inspected"):
        found = client.api.inspect_container(container)
        now = _moment(client.info()["SystemTime"])
    ended = _moment(found["State"]["FinishedAt"])
    began = _moment(found["Created"])
    return now - max(ended, began) > _GRACE


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
