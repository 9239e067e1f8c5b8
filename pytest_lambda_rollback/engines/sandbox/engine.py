"""The engine that seals functions with bubblewrap: Linux without Docker.

The carrier is the first process of namespaces of its own, without a network, in Lambda's file
system layout. The interpreter is one of this machine's that fits the function's runtime.
"""

from __future__ import annotations

import platform
import secrets
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from pytest_lambda_rollback.aws_lambda.limits import MB
from pytest_lambda_rollback.engines.carrier.program import carrier_program
from pytest_lambda_rollback.engines.host.interpreters import InterpreterFinder
from pytest_lambda_rollback.engines.host.preparation import Preparation, Prepared
from pytest_lambda_rollback.engines.interface import Progress, Services
from pytest_lambda_rollback.engines.runtime_api.environment import (
    ADDRESS,
    CarriedEnvironment,
    Start,
)
from pytest_lambda_rollback.engines.runtime_api.environment_variables import environment_of
from pytest_lambda_rollback.engines.sandbox.bubblewrap import Bubblewrap
from pytest_lambda_rollback.engines.sandbox.confinement_arguments import (
    LANGUAGE_FOLDER,
    Confinement,
    arguments,
)
from pytest_lambda_rollback.engines.sandbox.file_system import (
    RUNTIME_FOLDER,
    links_and_mounts,
    write_own_files,
)
from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.model.replay import EngineDescription
from pytest_lambda_rollback.model.versions import Artifact, FunctionVersion

if sys.platform != "win32":
    from pytest_lambda_rollback.engines.host.child_process import Children

assert sys.platform != "win32"  # noqa: S101 - Linux only; type checkers stop here elsewhere

_PATHS = {
    "PATH": f"{LANGUAGE_FOLDER}/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
    "LD_LIBRARY_PATH": ":".join(
        (
            f"{LANGUAGE_FOLDER}/lib",
            "/lib64",
            "/usr/lib64",
            RUNTIME_FOLDER,
            f"{RUNTIME_FOLDER}/lib",
            "/var/task",
            "/var/task/lib",
            "/opt/lib",
        )
    ),
}
"""https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html"""


class SandboxEngine:
    """Runs Python functions in sandboxes. Satisfies engines.interface.ServingEngine.

    ``store_unpack`` unpacks an artefact over a folder. ``work_dir`` is where the run's folder is
    made, by default the system's folder for temporary files.
    """

    name = "sandbox"

    def __init__(
        self,
        *,
        bubblewrap: Bubblewrap,
        store_unpack: Callable[[Artifact, Path], None],
        interpreters: InterpreterFinder | None = None,
        work_dir: Path | None = None,
        init_timeout_s: float = 10.0,
    ) -> None:
        self._bubblewrap = bubblewrap
        self._init_timeout_s = init_timeout_s
        self._preparation = Preparation(
            engine_name=self.name,
            unpack=store_unpack,
            interpreters=interpreters,
            parent=work_dir,
            owns_files=not bubblewrap.as_root,
        )
        self._children = Children(self.name)
        self._lock = threading.Lock()
        self._environments: set[CarriedEnvironment] = set()
        self._pythons: dict[str, str] = {}
        self._own: Path | None = None
        self._closed = False

    def prepare(self, version: FunctionVersion, progress: Progress) -> None:
        """Find the interpreter and unpack code and layers. Raises EngineError."""
        self._prepared(version, progress)

    def start(self, version: FunctionVersion) -> CarriedEnvironment:
        """Start a fresh execution environment. Raises EngineError."""
        return self._start(version, None)

    def start_serving(self, version: FunctionVersion, services: Services) -> CarriedEnvironment:
        """Start a fresh environment that can reach services. Raises EngineError."""
        if not self._bubblewrap.opens_low_ports:
            raise EngineError(
                f"{version.name} cannot reach services in a sandbox",
                why="this machine does not let bubblewrap open low ports in one",
                do="Run as root, or use docker",
            )
        return self._start(version, services)

    def _start(self, version: FunctionVersion, services: Services | None) -> CarriedEnvironment:
        prepared = self._prepared(version, lambda _line: None)
        command = arguments(self._confinement_of(version, prepared))
        with self._lock:
            if self._closed:
                raise self._preparation.closed_error(version)
            try:
                carrier = self._children.start(command)
            except OSError as error:
                raise EngineError(
                    f"{version.name} cannot be started by bubblewrap",
                    why=str(error),
                    do=f"Check that {self._bubblewrap.executable} can be run",
                ) from error
            environment = CarriedEnvironment(
                version=version,
                confinement=carrier,
                start=_start_of(version, prepared),
                memory_limit_bytes=version.configuration.memory_mb * MB,
                init_timeout_s=self._init_timeout_s,
                services=services,
                forget=self._forget,
            )
            self._environments.add(environment)
        return environment

    def describe(self) -> EngineDescription:
        """The engine's name, bubblewrap and the interpreters of this machine that are used."""
        with self._lock:
            pythons = [self._pythons[name] for name in sorted(self._pythons)]
        machine = (
            f"bubblewrap {self._bubblewrap.version}, this {platform.machine()} machine's libraries"
        )
        return EngineDescription(
            name=self.name,
            version=", ".join([machine, *pythons]),
        )

    def close(self) -> None:
        """End every environment and remove every folder. Safe to call twice."""
        with self._lock:
            self._closed = True
            environments = tuple(self._environments)
        for environment in environments:
            environment.close()
        self._children.close()
        self._preparation.close()

    def _forget(self, environment: CarriedEnvironment) -> None:
        with self._lock:
            self._environments.discard(environment)

    def _prepared(self, version: FunctionVersion, progress: Progress) -> Prepared:
        prepared = self._preparation.of(version, progress)
        interpreter = prepared.interpreter
        with self._lock:
            self._pythons[interpreter.version] = f"Python {interpreter.full_version}"
        return prepared

    def _confinement_of(self, version: FunctionVersion, prepared: Prepared) -> Confinement:
        links, mounts = links_and_mounts(
            prepared.interpreter,
            own=self._own_files(),
            carrier=carrier_program(version.configuration.architecture).path,
            task=prepared.task,
            opt=prepared.opt,
        )
        return Confinement(
            bubblewrap=self._bubblewrap.executable,
            as_root=self._bubblewrap.as_root,
            links=links,
            mounts=mounts,
            tmp_bytes=version.configuration.ephemeral_storage_mb * MB,
            opens_low_ports=self._bubblewrap.opens_low_ports,
            limits_processes=self._bubblewrap.limits_processes,
        )

    def _own_files(self) -> Path:
        with self._lock:
            if self._own is None:
                self._own = self._preparation.folder("system")
                write_own_files(self._own)
            return self._own


def _start_of(version: FunctionVersion, prepared: Prepared) -> Start:
    log_stream = f"sandbox/{secrets.token_hex(8)}"
    variables = dict(_PATHS)
    variables.update(environment_of(version, runtime_api=ADDRESS, log_stream=log_stream))
    python = f"{LANGUAGE_FOLDER}/bin/python{prepared.interpreter.version}"
    return Start(
        arguments=(f"{RUNTIME_FOLDER}/bootstrap", python, f"{RUNTIME_FOLDER}/bootstrap.py"),
        variables=tuple(sorted(variables.items())),
    )
