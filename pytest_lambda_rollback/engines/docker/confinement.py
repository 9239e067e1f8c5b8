"""The container of one execution environment: how it is confined, why it ended, its removal.

The container's options are AWS's documented limits where Lambda has one, and the tightest that
Docker offers elsewhere. Images are made elsewhere; what goes over the wire is not known here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from pytest_lambda_rollback.engines.docker.attachment import Attachment
from pytest_lambda_rollback.engines.docker.daemon import CALL_S, NotThere, answered, translated
from pytest_lambda_rollback.engines.runtime_api.environment import Ending
from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.model.services import SERVICES_FOLDER
from pytest_lambda_rollback.model.versions import FunctionVersion

if TYPE_CHECKING:
    from docker.client import DockerClient

USER: Final = "993:990"
"""Lambda's user and group, sbx_user1051."""
HOSTNAME: Final = "169.254.100.6"
"""Lambda names its machines by a link-local address."""
PROCESSES: Final = 1024
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html, as OPEN_FILES."""
OPEN_FILES: Final = 1024

LOW_PORTS_SETTING: Final = "net.ipv4.ip_unprivileged_port_start"

_SETTLE_S: Final = 5.0
"""Time that Docker gets to note a container's end after its output has ended."""
_TROUBLE_S: Final = 10.0
_POLL_S: Final = 0.05
_KILLED: Final = 137
"""Exit status of a container whose first process was killed by SIGKILL."""
_WORDS: Final = 300


def host_config(
    client: DockerClient, version: FunctionVersion, *, low_ports: bool = True
) -> dict[str, Any]:
    """The confinement of a version's container.

    With ``low_ports`` the carrier can have those of the container's own network.

    Pages of the tmpfs at /tmp count against Docker's memory limit, so that has room for a full
    /tmp as well; what the function's processes use is for the carrier to watch.
    """
    from docker.types import LogConfig, Ulimit

    configuration = version.configuration
    memory = f"{configuration.memory_mb + configuration.ephemeral_storage_mb}m"
    made: dict[str, Any] = client.api.create_host_config(
        network_mode="none",
        dns=["127.0.0.1"],
        dns_opt=["timeout:1", "attempts:1"],
        read_only=True,
        tmpfs={
            "/tmp": "rw,nosuid,nodev,exec,mode=1777,"  # noqa: S108
            f"size={configuration.ephemeral_storage_mb}m",
            # Docker mounts message queues that anybody may make there.
            "/dev/mqueue": "ro,nosuid,nodev,noexec,mode=555,size=4k",
            SERVICES_FOLDER: "rw,nosuid,nodev,noexec,mode=1777,size=1m",
        },
        sysctls={LOW_PORTS_SETTING: "0"} if low_ports else None,
        mem_limit=memory,
        memswap_limit=memory,
        pids_limit=PROCESSES,
        ulimits=[
            Ulimit(name="nofile", soft=OPEN_FILES, hard=OPEN_FILES),
            Ulimit(name="core", soft=0, hard=0),
        ],
        cap_drop=["ALL"],
        security_opt=["no-new-privileges:true"],
        ipc_mode="none",  # private and, as in Lambda, without /dev/shm
        init=False,
        log_config=LogConfig(type="none", config={}),
    )
    return made


class Container:
    """A container that runs a carrier. See `runtime_api.environment.Confinement`.

    ``remove`` gets id and wire, and removes both in a thread of its own.
    """

    def __init__(
        self,
        client: DockerClient,
        *,
        id: str,
        wire: Attachment,
        machine: str,
        remove: Callable[[str, Attachment], None],
    ) -> None:
        self._client = client
        self.id = id
        self.wire = wire
        self._machine = machine
        self._remove = remove
        self._lock = threading.Lock()
        self._ended = False

    def ending(self) -> Ending:
        """Why the wire was closed by the other side, by what Docker says of the container."""
        try:
            state = self._final_state()
        except NotThere:
            return Ending(failure="the container was removed by something else")
        except EngineError as error:
            return Ending(failure=f"the connection to Docker was lost: {error.why}")
        if state is None:
            return Ending(failure="the connection to the container was lost, which still runs")
        status = int(state.get("ExitCode") or 0)
        if status == _KILLED and state.get("OOMKilled"):
            return Ending(out_of_memory=True)
        if status == _KILLED:
            return Ending(failure="the container was killed by something else")
        words = self.wire.first_words.decode("utf-8", "replace").strip()
        if "exec format error" in f"{words} {state.get('Error')}".lower():
            return Ending(
                failure=f"Docker's machine cannot run programs for {self._machine}: install "
                "qemu-user-static and binfmt-support there"
            )
        if status == 0:
            return Ending(failure="the connection to the container was lost")
        shown = f": {words[:_WORDS]}" if words else ""
        return Ending(failure=f"the container ended with status {status}{shown}")

    def trouble(self) -> str:
        """Why the container may not have run all the time, a clause; empty if it has.

        For somebody who waited for it in vain: a container, or the daemon, may be paused.
        """
        try:
            state = self._state(timeout_s=_TROUBLE_S)
        except NotThere:
            return "the container was removed by something else"
        except EngineError as error:
            return f"the connection to Docker was lost: {error.why}"
        if state.get("Paused"):
            return "the container was paused by something else"
        return ""

    def end(self) -> None:
        """End everything in the container at once; it is removed soon after.

        The carrier kills all and ends when its standard input does.
        """
        with self._lock:
            if self._ended:
                return
            self._ended = True
        self.wire.close()
        self._remove(self.id, self.wire)

    def _final_state(self) -> dict[str, Any] | None:
        """The container's state once it has ended; ``None`` if it does not end."""
        deadline = time.monotonic() + _SETTLE_S
        while True:
            state = self._state(timeout_s=CALL_S)
            if not state.get("Running"):
                return state
            if time.monotonic() > deadline:
                return None
            time.sleep(_POLL_S)

    def _state(self, *, timeout_s: float) -> dict[str, Any]:
        api: Any = self._client.api
        with translated("the container could not be inspected"):
            url = f"{api.base_url}/v{api.api_version}/containers/{self.id}/json"
            state: dict[str, Any] = answered(api.get(url, timeout=timeout_s)).json()["State"]
        return state
