"""One execution environment in a container: how it is confined, watched, used and ended.

The container's options are AWS's documented limits where Lambda has one, and the tightest that
Docker offers elsewhere. Images and networks are made elsewhere.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pytest_lambda_rollback.engines.docker.daemon import NotThere, remove_container, translated
from pytest_lambda_rollback.engines.docker.network import SealedNetwork
from pytest_lambda_rollback.engines.runtime_api.outcomes import LINES, log_tail, outcome_of
from pytest_lambda_rollback.engines.runtime_api.replies import Phase, ReplyKind
from pytest_lambda_rollback.engines.runtime_api.server import Endpoint
from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.model.replay import Invocation, Outcome, OutcomeKind
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

_LOG_SETTLE_S: Final = 0.03
_JOIN_S: Final = 5.0
_KILLED: Final = 128 + signal.SIGKILL


def host_config(
    client: DockerClient, version: FunctionVersion, network: SealedNetwork
) -> dict[str, Any]:
    """The confinement of a version's container.

    Pages of the tmpfs at /tmp count against the memory limit, unlike Lambda: a function
    that fills /tmp beyond what its memory leaves free runs out of memory here.
    """
    from docker.types import LogConfig, Ulimit

    configuration = version.configuration
    made: dict[str, Any] = client.api.create_host_config(
        network_mode=network.id,
        dns=["127.0.0.1"],  # nobody listens there, in the container's own loopback
        dns_opt=["timeout:1", "attempts:1"],
        sysctls=dict(network.sysctls),
        read_only=True,
        tmpfs={
            "/tmp": "rw,nosuid,nodev,exec,mode=1777,"  # noqa: S108
            f"size={configuration.ephemeral_storage_mb}m"
        },
        mem_limit=f"{configuration.memory_mb}m",
        memswap_limit=f"{configuration.memory_mb}m",
        pids_limit=PROCESSES,
        ulimits=[
            Ulimit(name="nofile", soft=OPEN_FILES, hard=OPEN_FILES),
            Ulimit(name="core", soft=0, hard=0),
        ],
        cap_drop=["ALL"],
        security_opt=["no-new-privileges:true"],
        ipc_mode="none",  # private and, as in Lambda, without /dev/shm
        init=False,
        log_config=LogConfig(type="json-file", config={"max-size": "10m", "max-file": "1"}),
    )
    return made


class DockerEnvironment:
    """A container that runs one version's runtime. Made and started by DockerEngine.

    ``cut_off`` finds out whether something keeps environments from connecting to an address of
    the Runtime API; it is called if one ended before it connected. ``forget`` is called
    once, when this one is closed.
    """

    def __init__(
        self,
        client: DockerClient,
        *,
        version: FunctionVersion,
        container: str,
        endpoint: Endpoint,
        cut_off: Callable[[str], bool],
        forget: Callable[[DockerEnvironment], None],
    ) -> None:
        self._client = client
        self._version = version
        self._container = container
        self._endpoint = endpoint
        self._cut_off = cut_off
        self._forget = forget
        self._lock = threading.Lock()
        self._ended = False
        self._closed = False
        self._out_of_memory = False
        self._failure = ""
        self._used = False
        self._watcher = threading.Thread(
            target=self._watch, name=f"lambda-rollback-{container[:12]}", daemon=True
        )
        self._watcher.start()

    @property
    def container(self) -> str:
        """Id of the container, for ``docker inspect``."""
        return self._container

    @property
    def alive(self) -> bool:
        """False once the container has ended, is to be ended, or cannot be watched any more."""
        return not (self._ended or self._closed or self._endpoint.finished)

    def invoke(self, invocation: Invocation) -> Outcome:
        """Replay one event; see `interface.ExecutionEnvironment`."""
        since = time.time() if self._used else None
        self._used = True
        reply = self._endpoint.invoke(invocation)
        if reply.kind is ReplyKind.RESPONDED:
            return outcome_of(reply, version=self._version)
        failure = self._failure if reply.kind in (ReplyKind.FAILED, ReplyKind.EXITED) else ""
        ended_early = reply.kind in (ReplyKind.TIMED_OUT, ReplyKind.EXITED)
        if ended_early and reply.phase is Phase.INIT and self._cut_off(self._endpoint.address):
            failure = (
                f"the environment cannot connect to the Runtime API at {self._endpoint.address}: "
                "a firewall of this machine drops it; allow traffic from Docker's networks "
                "(for example `sudo ufw allow from 172.16.0.0/12`)"
            )
        if self._endpoint.finished:
            self._kill()
        logs = self._logs(since)
        if any("exec format error" in line for line in logs):
            failure = (
                f"this machine cannot run programs for {self._version.configuration.architecture}: "
                "install qemu-user-static and binfmt-support"
            )
        outcome = outcome_of(
            reply, version=self._version, logs=logs, out_of_memory=self._out_of_memory
        )
        if failure:
            return replace(outcome, kind=OutcomeKind.HARNESS_FAILURE, detail=failure)
        return outcome

    def close(self) -> None:
        """Kill and remove the container; safe to call twice."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        try:
            remove_container(self._client, self._container)
        finally:
            self._endpoint.close()
            self._watcher.join(timeout=_JOIN_S)
            self._forget(self)

    # --- the container's end ------------------------------------------------------------------

    def _watch(self) -> None:
        """Wait, in a thread of its own, for the container's end and report it."""
        status = 0
        try:
            with translated("the container could not be watched"):
                status = int(self._client.api.wait(self._container, timeout=None)["StatusCode"])
                state = self._client.api.inspect_container(self._container)["State"]
            # Only the kernel and the daemon can kill a container's first process, and the daemon
            # does not call it out of memory; the flag alone may stand for a child's end.
            self._out_of_memory = bool(state.get("OOMKilled")) and status == _KILLED
        except NotThere:
            if not self._closed:
                self._failure = "the container was removed by something else"
        except EngineError as error:
            if not self._closed:
                self._failure = f"the connection to Docker was lost during the replay: {error.why}"
        self._ended = True
        if self._failure:
            self._endpoint.close()
        else:
            self._endpoint.runtime_exited(str(status))

    def _kill(self) -> None:
        """Stop the container and leave its logs; where it cannot be done `close` will say so."""
        with suppress(EngineError), translated("the container could not be killed"):
            self._client.api.kill(self._container)

    def _logs(self, since: float | None) -> tuple[str, ...]:
        """The last lines since a moment; none where the daemon does not give them.

        The daemon copies a container's output with a small delay, so it is read until two
        readings are equal.
        """
        text = self._read_logs(since)
        for _ in range(5):
            time.sleep(_LOG_SETTLE_S)
            before, text = text, self._read_logs(since)
            if text == before:
                break
        return log_tail(text)

    def _read_logs(self, since: float | None) -> bytes:
        try:
            with translated("the logs could not be read"):
                return self._client.api.logs(self._container, tail=LINES, since=since)
        except EngineError:
            return b""
