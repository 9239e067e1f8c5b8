"""What a function version needs before an engine of this machine can start it.

Which versions can run here at all, the interpreter, and code and layers unpacked once for all
environments of equal content.
"""

from __future__ import annotations

import os
import platform
import tarfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pytest_lambda_rollback.aws_lambda.architectures import architecture_of
from pytest_lambda_rollback.aws_lambda.runtimes import python_version
from pytest_lambda_rollback.engines.host.interpreters import Interpreter, InterpreterFinder
from pytest_lambda_rollback.engines.host.run_folder import RunFolder
from pytest_lambda_rollback.engines.host.trees import closed_to_others, unpack_version
from pytest_lambda_rollback.engines.interface import Progress
from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.model.versions import Artifact, FunctionVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What all environments of equal content share."""

    interpreter: Interpreter
    opt: Path
    """The tree of the layers, read-only."""
    task: Path
    """The tree of the code, read-only."""


class Preparation:
    """Prepared versions, and the folder of the run, for the engine ``engine_name``.

    ``owns_files``: functions run as the user that the trees belong to. ``parent`` is the folder
    in which the run's own is made, by default that of temporary files. Safe to use from several
    threads.
    """

    def __init__(
        self,
        *,
        engine_name: str,
        unpack: Callable[[Artifact, Path], None],
        interpreters: InterpreterFinder | None,
        parent: Path | None,
        owns_files: bool,
    ) -> None:
        self._engine_name = engine_name
        self._unpack = unpack
        self._interpreters = interpreters or InterpreterFinder(cache_dir=default_cache_dir())
        self._parent = parent
        self._owns_files = owns_files
        self._lock = threading.Lock()
        self._run: RunFolder | None = None
        self._prepared: dict[tuple[str, ...], Prepared] = {}
        self._closed = False

    def of(self, version: FunctionVersion, progress: Progress) -> Prepared:
        """Find the interpreter and unpack code and layers, each once. Raises EngineError."""
        if version.image is not None:
            raise EngineError(
                self._cannot_run(version),
                why="its package is a container image, which needs Docker",
                do="Use the docker engine on a machine where Docker answers",
            )
        python = self._python_of(version)
        key = (python, version.code.digest, *(layer.artifact.digest for layer in version.layers))
        with self._lock:
            if self._closed:
                raise self.closed_error(version)
            prepared = self._prepared.get(key)
            if prepared is None:
                prepared = self._prepared[key] = self._make(version, python, progress)
        return prepared

    def folder(self, kind: str) -> Path:
        """A new folder that is removed with the run's. Raises EngineError."""
        with self._lock:
            return self._folder(kind)

    def close(self) -> None:
        """Remove every tree and folder. Safe to call twice."""
        with self._lock:
            self._closed = True
            self._prepared.clear()
            run, self._run = self._run, None
        if run is not None:
            run.remove()

    def closed_error(self, version: FunctionVersion) -> EngineError:
        """The error of a start after `close`."""
        return EngineError(
            f"{version.name} cannot be started", why=f"the {self._engine_name} engine was closed"
        )

    def _make(self, version: FunctionVersion, python: str, progress: Progress) -> Prepared:
        if self._owns_files:
            self._refuse_closed_files(version)
        try:
            interpreter = self._interpreters.find(python, progress)
        except EngineError as error:
            raise EngineError(
                f"{version.name} cannot be run here: {error.what}", why=error.why, do=error.do
            ) from error
        try:
            opt, task = unpack_version(version, self._folder("tree"), self._unpack)
        except (OSError, tarfile.TarError) as error:
            raise EngineError(
                f"{version.name} cannot be unpacked",
                why=str(error),
                do="Check that the temporary folder has free space and is writable",
            ) from error
        return Prepared(interpreter=interpreter, opt=opt, task=task)

    def _refuse_closed_files(self, version: FunctionVersion) -> None:
        for artifact in (version.code, *(layer.artifact for layer in version.layers)):
            closed = closed_to_others(artifact.tar)
            if closed is not None:
                raise EngineError(
                    f"{version.name} cannot be run as Lambda would by the "
                    f"{self._engine_name} engine",
                    why=f"{closed} in {artifact.label} is not readable by Lambda's user",
                    do="Make it readable by all (chmod -R a+rX before zipping), or use "
                    "the docker engine, which shows the effect",
                )

    def _folder(self, kind: str) -> Path:
        try:
            if self._run is None:
                self._run = RunFolder(self._parent)
            return self._run.new(kind)
        except OSError as error:
            raise EngineError(
                "there is no folder for what functions are run from",
                why=str(error),
                do="Check that the temporary folder has free space and is writable",
            ) from error

    def _python_of(self, version: FunctionVersion) -> str:
        """``3.11`` of the runtime ``python3.11``. Raises EngineError for what cannot run here."""
        runtime = version.configuration.runtime
        architecture = version.configuration.architecture
        number = python_version(runtime)
        if number is None:
            raise EngineError(
                self._cannot_run(version),
                why=f"it runs Python functions only, and this one's runtime is {runtime}",
                do="Install and start Docker, and use the docker engine",
            )
        machine = architecture_of(platform.machine()) or platform.machine()
        if architecture != machine:
            raise EngineError(
                self._cannot_run(version),
                why=f"it is built for {architecture}, and this machine is {machine}",
                do="Use the docker engine, or a machine of that architecture",
            )
        return number

    def _cannot_run(self, version: FunctionVersion) -> str:
        return f"{version.name} cannot be run by the {self._engine_name} engine"


def default_cache_dir() -> Path:
    """The folder for what is made once and used by every later run."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "pytest-lambda-rollback"
