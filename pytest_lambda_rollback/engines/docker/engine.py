"""The docker engine: execution environments are containers of the runtime's own base image.

This module joins the others: `images` makes images, `confinement` says how a container is
confined, `attachment` connects to its carrier, and `runtime_api` serves the Runtime API over that.
It knows what belongs to one engine and removes all of it at the end. It knows nothing of checks,
contracts or pytest.
"""

from __future__ import annotations

import atexit
import re
import secrets
import threading
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from pytest_lambda_rollback.aws_lambda.architectures import PLATFORMS
from pytest_lambda_rollback.engines.carrier.program import carrier_program
from pytest_lambda_rollback.engines.docker.attachment import Attachment, attach
from pytest_lambda_rollback.engines.docker.confinement import (
    HOSTNAME,
    LOW_PORTS_SETTING,
    USER,
    Container,
    host_config,
)
from pytest_lambda_rollback.engines.docker.daemon import (
    DaemonFacts,
    DaemonLost,
    connect,
    facts_of,
    probe,
    translated,
)
from pytest_lambda_rollback.engines.docker.environment import DockerEnvironment
from pytest_lambda_rollback.engines.docker.function_images import RegistryLogin
from pytest_lambda_rollback.engines.docker.image_chain import CARRIER_PATH, LABEL_PREFIX, Launch
from pytest_lambda_rollback.engines.docker.images import Images
from pytest_lambda_rollback.engines.docker.owners import (
    ENGINE_LABEL,
    NAME_PREFIX,
    OWNER_LABEL,
    remove_container,
    remove_containers,
    sweep,
    this_process,
)
from pytest_lambda_rollback.engines.docker.removals import Removals
from pytest_lambda_rollback.engines.interface import Progress, Services
from pytest_lambda_rollback.engines.runtime_api.environment import ADDRESS, Start
from pytest_lambda_rollback.engines.runtime_api.environment_variables import environment_of
from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.model.replay import EngineDescription
from pytest_lambda_rollback.model.versions import FunctionVersion

if TYPE_CHECKING:
    from docker.client import DockerClient

__all__ = ["DockerEngine", "probe"]

FUNCTION_LABEL: Final = f"{LABEL_PREFIX}.function"

_ID_CHARACTERS: Final = 12
_START_S: Final = 15.0
"""Seconds that closing waits for a start in progress."""
_REMOVAL_S: Final = 60.0


class DockerEngine:
    """Runs function versions in containers. See `interface.ServingEngine`.

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
        self._launches: dict[FunctionVersion, Launch] = {}
        self._environments: set[Any] = set()
        self._swept = False
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
        return self._start(version, None)

    def start_serving(self, version: FunctionVersion, services: Services) -> DockerEnvironment:
        """Start a container whose processes can reach services. Raises EngineError."""
        return self._start(version, services)

    def _start(self, version: FunctionVersion, services: Services | None) -> DockerEnvironment:
        launch = self._launches.get(version)
        if launch is None:
            raise EngineError(f"{version.name} cannot be started", why="it was not prepared")
        with self._starts:
            if self._closed:
                raise EngineError(f"{version.name} cannot be started", why="the engine is closed")
            return self._environment(version, launch, services, self._ready())

    @property
    def memory_mb(self) -> int | None:
        """Memory of the machine that the daemon runs on; see `interface.MeasuredEngine`."""
        try:
            return self._connected().facts.memory_bytes // 2**20 or None
        except EngineError:
            return None

    def describe(self) -> EngineDescription:
        """The daemon's version and the base images that were used so far."""
        try:
            daemon = self._connected()
        except EngineError:
            return EngineDescription(name=self.name)
        return EngineDescription(
            name=self.name,
            version=daemon.facts.version,
            base_images=tuple(
                (base.runtime, base.reference, _short(base.id)) for base in daemon.images.bases
            ),
        )

    def close(self) -> None:
        """Remove every container; safe to call twice.

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
                self._remove_all(self._daemon)
        except DaemonLost:
            pass  # nothing can be removed now; the next run finds that the owner is dead
        finally:
            if self._daemon is not None:
                self._daemon.client.close()

    # --- connection ---------------------------------------------------------------------------

    def _connected(self) -> _Daemon:
        with self._lock:
            if self._closed:
                raise EngineError("the docker engine was closed")
            if self._daemon is None:
                client = self._given_client or connect()
                facts = facts_of(client)
                self._daemon = _Daemon(
                    client=client,
                    facts=facts,
                    removals=Removals(client),
                    images=Images(
                        client,
                        facts=facts,
                        carrier=_carrier,
                        overrides=self._base_images,
                        labels=self._image_labels,
                        pull=self._pull,
                        workers=self._workers,
                        registry_login=self._registry_login,
                    ),
                )
            return self._daemon

    def _ready(self) -> _Daemon:
        """The daemon, without what earlier runs left."""
        with self._lock:
            daemon = self._connected()
            if not self._swept:
                self._swept = True
                atexit.register(self.close)
                sweep(daemon.client)
            return daemon

    def _labels(self) -> dict[str, str]:
        return {OWNER_LABEL: self._owner, ENGINE_LABEL: self._id}

    # --- containers ---------------------------------------------------------------------------

    def _environment(
        self,
        version: FunctionVersion,
        launch: Launch,
        services: Services | None,
        daemon: _Daemon,
    ) -> DockerEnvironment:
        stream = secrets.token_hex(6)
        name = f"{NAME_PREFIX}{self._id}-{_name(version)}-{stream}"
        variables = environment_of(
            version,
            runtime_api=ADDRESS,
            log_stream=f"[{version.version}]{stream}",
            handler=launch.handler,
            set_by_image=launch.variables,
        )
        container, wire = self._started(version, launch, daemon, name)
        try:
            environment = DockerEnvironment(
                Container(
                    daemon.client,
                    id=container,
                    wire=wire,
                    machine=version.configuration.architecture,
                    remove=daemon.removals.add,
                ),
                version=version,
                start=Start(
                    arguments=launch.arguments,
                    directory=launch.working_directory,
                    variables=variables,
                ),
                keeps_files=bool(launch.volumes),
                init_timeout_s=self._init_timeout_s,
                services=services,
                forget=self._environments.discard,
            )
            self._environments.add(environment)
        except BaseException:
            wire.release()
            remove_container(daemon.client, container)
            raise
        return environment

    def _started(
        self, version: FunctionVersion, launch: Launch, daemon: _Daemon, name: str
    ) -> tuple[str, Attachment]:
        """The id of a new container that runs, and the wire to its carrier.

        Where the daemon opens no low ports, the container has none, and so no names.
        """
        while True:
            low_ports = daemon.opens_low_ports
            try:
                return self._created(version, launch, daemon.client, name, low_ports)
            except EngineError as error:
                if not (low_ports and LOW_PORTS_SETTING in f"{error.why}"):
                    raise
                daemon.opens_low_ports = False

    def _created(
        self,
        version: FunctionVersion,
        launch: Launch,
        client: DockerClient,
        name: str,
        low_ports: bool,
    ) -> tuple[str, Attachment]:
        wire: Attachment | None = None
        try:
            with translated(
                f"no execution environment of {version.name} could be started",
                do="See what `docker info` and the daemon's log say",
            ):
                container: str = client.api.create_container(
                    launch.image,
                    entrypoint=[CARRIER_PATH],
                    name=name,
                    hostname=HOSTNAME,
                    user=USER,
                    working_dir="/",
                    stdin_open=True,
                    healthcheck={"test": ["NONE"]},  # Lambda runs none
                    labels={**self._labels(), FUNCTION_LABEL: version.name},
                    host_config=host_config(client, version, low_ports=low_ports),
                    platform=PLATFORMS[version.configuration.architecture],
                )["Id"]
                wire = attach(client, container)
                client.api.start(container)
        except BaseException:
            if wire is not None:
                wire.release()
            remove_container(client, name)
            raise
        return container, wire

    def _remove_all(self, daemon: _Daemon) -> None:
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
        failures += daemon.removals.finish(_REMOVAL_S)
        if self._swept:
            # What a start left that was interrupted before its container was known here.
            remove_containers(
                daemon.client,
                lambda container: (container.get("Labels") or {}).get(ENGINE_LABEL) == self._id,
            )
        if failures:
            raise failures[0]


@dataclass(slots=True, kw_only=True)
class _Daemon:
    """Facts of a daemon that has answered."""

    client: DockerClient
    facts: DaemonFacts
    images: Images
    removals: Removals
    opens_low_ports: bool = True


@cache
def _carrier(architecture: str) -> bytes:
    """The carrier for an architecture. Raises EngineError."""
    return carrier_program(architecture).path.read_bytes()


def _name(version: FunctionVersion) -> str:
    """A version's name in the characters that Docker allows."""
    return re.sub(r"[^a-zA-Z0-9_.-]+", "-", version.name)[:60]


def _short(image_id: str) -> str:
    return image_id.removeprefix("sha256:")[:_ID_CHARACTERS]
