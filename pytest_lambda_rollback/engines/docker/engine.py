"""The docker engine: execution environments are containers of the runtime's own base image.

This module joins the others: `images` makes images, `network` the sealed network, `environment`
confines and watches the container, and `runtime_api` serves the Runtime API. It knows what belongs
to one engine and removes all of it at the end. It knows nothing of checks, contracts or pytest.
"""

from __future__ import annotations

import atexit
import re
import secrets
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pytest_lambda_rollback.aws_lambda.architectures import PLATFORMS
from pytest_lambda_rollback.engines.docker.daemon import (
    ENGINE_LABEL,
    NAME_PREFIX,
    OWNER_LABEL,
    DaemonLost,
    connect,
    probe,
    remove_container,
    remove_containers,
    sweep,
    this_process,
    translated,
)
from pytest_lambda_rollback.engines.docker.environment import (
    HOSTNAME,
    USER,
    DockerEnvironment,
    host_config,
)
from pytest_lambda_rollback.engines.docker.function_images import RegistryLogin
from pytest_lambda_rollback.engines.docker.image_chain import LABEL_PREFIX, Launch
from pytest_lambda_rollback.engines.docker.images import Images
from pytest_lambda_rollback.engines.docker.network import (
    SealedNetwork,
    create_network,
    is_cut_off,
    remove_network,
)
from pytest_lambda_rollback.engines.interface import Progress
from pytest_lambda_rollback.engines.runtime_api.environment_variables import environment_of
from pytest_lambda_rollback.engines.runtime_api.server import RuntimeApi
from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.model.replay import EngineDescription
from pytest_lambda_rollback.model.versions import FunctionVersion

if TYPE_CHECKING:
    from docker.client import DockerClient

__all__ = ["DockerEngine", "probe"]

FUNCTION_LABEL: Final = f"{LABEL_PREFIX}.function"

_NOT_SEALED: Final = (
    "a service of this machine that listens on all interfaces answers on the gateway address "
    "of the environments' network",
)
_ID_CHARACTERS: Final = 12
_START_S: Final = 15.0
"""Seconds that closing waits for a start in progress."""


class DockerEngine:
    """Runs function versions in containers. See `interface.Engine`.

    ``base_images`` are (runtime, image) overrides; ``workers`` is how many images are built and
    containers started at the same time; ``pull`` allows pulling a missing image,
    with ``registry_login`` for a function's own image; ``image_labels`` are put on
    the images it builds, beside their own; ``client`` is a docker client to use (and close) in
    place of one from the environment. The daemon is not contacted before the first call that
    needs it.
    """

    name = "docker"

    def __init__(
        self,
        *,
        base_images: tuple[tuple[str, str], ...] = (),
        workers: int = 2,
        client: DockerClient | None = None,
        pull: bool = True,
        image_labels: tuple[tuple[str, str], ...] = (),
        init_timeout_s: float = 10.0,
        registry_login: RegistryLogin | None = None,
    ) -> None:
        self._base_images = base_images
        self._workers = workers
        self._given_client = client
        self._pull = pull
        self._image_labels = image_labels
        self._init_timeout_s = init_timeout_s
        self._registry_login = registry_login
        self._id = secrets.token_hex(6)
        self._owner = str(this_process())
        self._lock = threading.RLock()
        self._starts = threading.BoundedSemaphore(workers)
        self._daemon: _Daemon | None = None
        self._network: SealedNetwork | None = None
        self._launches: dict[FunctionVersion, Launch] = {}
        self._environments: set[DockerEnvironment] = set()
        self._runtime_api = RuntimeApi()
        self._cut_off_lock = threading.Lock()
        self._cut_off: bool | None = None
        self._closed = False

    # --- interface ----------------------------------------------------------------------------

    def prepare(self, version: FunctionVersion, progress: Progress) -> None:
        """Build or pull the version's image if it is not there. Raises EngineError."""
        self._launches[version] = self._connected().images.make(version, progress)

    def obtain_base_image(self, runtime: str, architecture: str, progress: Progress) -> None:
        """Provide a runtime's base image, pulling it if needed. Raises EngineError."""
        self._connected().images.base(runtime, architecture, progress)

    def start(self, version: FunctionVersion) -> DockerEnvironment:
        """Start a container of a prepared version. Raises EngineError, leaving nothing."""
        launch = self._launches.get(version)
        if launch is None:
            raise EngineError(f"{version.name} cannot be started", why="it was not prepared")
        with self._starts:
            if self._closed:
                raise EngineError(f"{version.name} cannot be started", why="the engine is closed")
            return self._start(version, launch, *self._sealed_network())

    def describe(self) -> EngineDescription:
        """The daemon's version and the base images that were used so far."""
        try:
            daemon = self._connected()
        except EngineError:
            return EngineDescription(name=self.name, not_sealed=_NOT_SEALED)
        return EngineDescription(
            name=self.name,
            version=daemon.version,
            base_images=tuple(
                (base.runtime, base.reference, _short(base.id)) for base in daemon.images.bases
            ),
            not_sealed=_NOT_SEALED,
        )

    def close(self) -> None:
        """Remove every container and the network; safe to call twice.

        Raises EngineError when something may be left; the next run removes it then.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
        atexit.unregister(self.close)
        # Starts that are under way end first; those that wait find the engine closed.
        held = [self._starts.acquire(timeout=_START_S) for _ in range(self._workers)]
        for _ in range(sum(held)):
            self._starts.release()
        try:
            if self._daemon is not None:
                self._remove_all(self._daemon.client)
        except DaemonLost:
            pass  # nothing can be removed now; the next run finds that the owner is dead
        finally:
            self._runtime_api.close()
            if self._daemon is not None:
                self._daemon.client.close()

    # --- connection and network ---------------------------------------------------------------

    def _connected(self) -> _Daemon:
        with self._lock:
            if self._closed:
                raise EngineError("the docker engine was closed")
            if self._daemon is None:
                client = self._given_client or connect()
                with translated("Docker does not answer"):
                    server = client.version()
                self._daemon = _Daemon(
                    client=client,
                    version=str(server.get("Version", "")),
                    images=Images(
                        client,
                        host=str(server.get("Arch", "")),
                        overrides=self._base_images,
                        labels=self._image_labels,
                        pull=self._pull,
                        workers=self._workers,
                        registry_login=self._registry_login,
                    ),
                )
            return self._daemon

    def _sealed_network(self) -> tuple[DockerClient, SealedNetwork]:
        """The engine's one network, made with the first start."""
        with self._lock:
            daemon = self._connected()
            if self._network is None:
                atexit.register(self.close)
                sweep(daemon.client)
                self._network = create_network(
                    daemon.client,
                    name=f"lambda-rollback-{self._id}",
                    labels=self._labels(),
                    server_version=daemon.version,
                )
            return daemon.client, self._network

    def _labels(self) -> dict[str, str]:
        return {OWNER_LABEL: self._owner, ENGINE_LABEL: self._id}

    # --- containers ---------------------------------------------------------------------------

    def _start(
        self,
        version: FunctionVersion,
        launch: Launch,
        client: DockerClient,
        network: SealedNetwork,
    ) -> DockerEnvironment:
        endpoint = self._runtime_api.open(
            host=network.gateway, version=version, init_timeout_s=self._init_timeout_s
        )
        stream = secrets.token_hex(6)
        name = f"{NAME_PREFIX}{self._id}-{_name(version)}-{stream}"
        variables = environment_of(
            version,
            runtime_api=endpoint.address,
            log_stream=f"[{version.version}]{stream}",
            handler=launch.handler,
            set_by_image=launch.variables,
        )
        try:
            with translated(
                f"no execution environment of {version.name} could be started",
                do=_advice(launch),
            ):
                container = client.api.create_container(
                    launch.image,
                    command=list(launch.command),
                    **_image_config(launch),
                    name=name,
                    hostname=HOSTNAME,
                    user=USER,
                    environment=dict(variables),
                    labels={**self._labels(), FUNCTION_LABEL: version.name},
                    host_config=host_config(client, version, network),
                    platform=PLATFORMS[version.configuration.architecture],
                )["Id"]
                client.api.start(container)
                found = client.api.inspect_container(container)
            for attached in found["NetworkSettings"]["Networks"].values():
                if attached.get("IPAddress"):  # none when it has ended already
                    endpoint.allow(attached["IPAddress"])
            environment = DockerEnvironment(
                client,
                version=version,
                container=container,
                endpoint=endpoint,
                cut_off=lambda address: self._is_cut_off(version, launch.image, address),
                forget=self._environments.discard,
            )
            self._environments.add(environment)
        except BaseException:
            endpoint.close()
            remove_container(client, name)
            raise
        return environment

    def _is_cut_off(self, version: FunctionVersion, image: str, address: str) -> bool:
        """Test, once, whether a firewall blocks the environments from the Runtime API."""
        with self._cut_off_lock:
            if self._cut_off is None:
                client, network = self._sealed_network()
                self._cut_off = is_cut_off(
                    client,
                    image=image,
                    name=f"{NAME_PREFIX}{self._id}-way-{secrets.token_hex(6)}",
                    user=USER,
                    host_config=host_config(client, version, network),
                    labels=self._labels(),
                    address=address,
                )
            return self._cut_off

    def _remove_all(self, client: DockerClient) -> None:
        failures: list[EngineError] = []

        def end(environment: DockerEnvironment) -> None:
            try:
                environment.close()
            except EngineError as error:
                failures.append(error)

        # Threads of our own: an executor takes no work any more while the interpreter exits.
        threads = [
            threading.Thread(target=end, args=(environment,), daemon=True)
            for environment in tuple(self._environments)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._network is not None:
            # What a start left that was interrupted before its container was known here.
            with translated("the containers of this run could not be listed"):
                remove_containers(client, lambda labels: labels.get(ENGINE_LABEL) == self._id)
            remove_network(client, self._network.id)
        if failures:
            raise failures[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Daemon:
    """Facts of a daemon that has answered."""

    client: DockerClient
    version: str
    images: Images


def _image_config(launch: Launch) -> dict[str, Any]:
    """Settings that a function's own image needs, besides those of every container.

    Docker cannot be told to ignore a VOLUME: such a folder is a volume that ends with the
    container, and can be written where Lambda's user has the permission.
    """
    if launch.entry_point is None:
        return {}
    return {
        "entrypoint": list(launch.entry_point),
        "working_dir": launch.working_directory,
        "healthcheck": {"test": ["NONE"]},  # Lambda runs none
    }


def _advice(launch: Launch) -> str:
    daemon = "ee what `docker info` and the daemon's log say"
    if not launch.entry_point:
        return f"S{daemon}"
    return (
        f"Check that the image contains {launch.entry_point[0]} and that any user may run it "
        "(Lambda "
        f"fails with Runtime.InvalidEntrypoint otherwise); else s{daemon}"
    )


def _name(version: FunctionVersion) -> str:
    """A version's name in the characters that Docker allows."""
    return re.sub(r"[^a-zA-Z0-9_.-]+", "-", version.name)[:60]


def _short(image_id: str) -> str:
    return image_id.removeprefix("sha256:")[:_ID_CHARACTERS]
