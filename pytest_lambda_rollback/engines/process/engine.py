"""The engine that runs functions as processes of this machine. It seals nothing.

The same carrier, Runtime API and runtime client as everywhere, under an interpreter of the
function's Python version, with code and layers unpacked on disk. It keeps the host's environment
variables and site-packages away from the function, and cleans up after it. Where that could
change an outcome, the outcome says so; `NOT_SEALED` lists the rest, for every report to show.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from pytest_lambda_rollback.aws_lambda.limits import MB
from pytest_lambda_rollback.engines.carrier.program import carrier_program
from pytest_lambda_rollback.engines.host import runtime_bootstrap
from pytest_lambda_rollback.engines.host.interpreters import Interpreter, InterpreterFinder
from pytest_lambda_rollback.engines.host.preparation import Preparation, Prepared
from pytest_lambda_rollback.engines.host.trees import remove
from pytest_lambda_rollback.engines.interface import Progress
from pytest_lambda_rollback.engines.process.doubts import doubt_of_paths, doubt_of_storage
from pytest_lambda_rollback.engines.runtime_api.environment import (
    ADDRESS,
    CarriedEnvironment,
    Start,
)
from pytest_lambda_rollback.engines.runtime_api.environment_variables import environment_of
from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.model.replay import EngineDescription, Invocation, Outcome
from pytest_lambda_rollback.model.versions import Artifact, FunctionVersion
from pytest_lambda_rollback.packages import descriptors

if sys.platform != "win32":
    from pytest_lambda_rollback.engines.host.child_process import ChildCarrier, Children

assert sys.platform != "win32"  # noqa: S101 - Linux only; type checkers stop here elsewhere

NOT_SEALED = (
    "functions run as you, with your network and files",
    "libraries of this machine",
    "no /opt and no /var/task",
)

_LAST_S = 3.0
_KILL = 9
_PATH = "/usr/local/bin:/usr/bin:/bin"
_ADDRESS_VARIABLE = "AWS_LAMBDA_RUNTIME_API"


class ProcessEngine:
    """Runs Python functions as local processes. Satisfies engines.interface.Engine.

    ``store_unpack`` unpacks an artefact over a folder. ``work_dir`` is where the run's folder is
    made, by default the system's folder for temporary files. An initialisation may last
    ``init_timeout_s`` and the function's timeout together, as on Lambda.
    """

    name = "process"

    def __init__(
        self,
        *,
        store_unpack: Callable[[Artifact, Path], None],
        interpreters: InterpreterFinder | None = None,
        work_dir: Path | None = None,
        init_timeout_s: float = 10.0,
    ) -> None:
        self._init_timeout_s = init_timeout_s
        self._preparation = Preparation(
            engine_name=self.name,
            unpack=store_unpack,
            interpreters=interpreters,
            parent=work_dir,
            owns_files=True,
        )
        self._children = Children(self.name)
        self._lock = threading.Lock()
        self._runtimes: dict[Path, Path] = {}
        self._doubts: dict[tuple[Path, tuple[tuple[str, str], ...]], str] = {}
        self._environments: set[_ProcessEnvironment] = set()
        self._closed = False

    def prepare(self, version: FunctionVersion, progress: Progress) -> None:
        """Find the interpreter and unpack code and layers. Raises EngineError."""
        self._doubt_of(version, self._preparation.of(version, progress))

    def start(self, version: FunctionVersion) -> _ProcessEnvironment:
        """Start a fresh runtime process. Raises EngineError."""
        prepared = self._preparation.of(version, lambda _line: None)
        doubt = self._doubt_of(version, prepared)
        carrier = carrier_program(version.configuration.architecture)
        with self._lock:
            if self._closed:
                raise self._preparation.closed_error(version)
            folders = Folders(
                opt=prepared.opt,
                task=prepared.task,
                runtime=self._runtime_of(prepared.interpreter),
                own=self._preparation.folder("environment"),
            )
            for name in ("tmp", "home"):
                (folders.own / name).mkdir()
            try:
                command = (*without_privileges(), *limits_of(version), str(carrier.path))
                child = self._children.start(command, last_s=_LAST_S)
            except OSError as error:
                raise EngineError(
                    f"{version.name} cannot be started",
                    why=str(error),
                    do="Install the package anew",
                ) from error
            environment = _ProcessEnvironment(
                version=version,
                confinement=child,
                start=_start_of(version, prepared.interpreter, folders),
                memory_limit_bytes=version.configuration.memory_mb * MB,
                doubt=doubt,
                renamed=folders.renamed,
                init_timeout_s=self._init_timeout_s,
                forget=self._forget,
            )
            environment.folder, environment.child = folders.own, child
            self._environments.add(environment)
        return environment

    def describe(self) -> EngineDescription:
        """The engine's name, and what it does not isolate."""
        return EngineDescription(
            name=self.name,
            version=f"{platform.system()} {platform.machine()}",
            not_sealed=NOT_SEALED,
        )

    def close(self) -> None:
        """End all runtimes and remove every folder. Safe to call twice."""
        with self._lock:
            self._closed = True
            environments = tuple(self._environments)
        for environment in environments:
            environment.close()
        self._children.close()
        self._preparation.close()

    def _forget(self, environment: CarriedEnvironment) -> None:
        with self._lock:
            self._environments = {each for each in self._environments if each is not environment}

    def _runtime_of(self, interpreter: Interpreter) -> Path:
        """The folder in place of /var/runtime: AWS's client, boto3, and no other packages."""
        runtime = self._runtimes.get(interpreter.executable)
        if runtime is None:
            runtime = self._runtimes[interpreter.executable] = self._preparation.folder("runtime")
            for path in interpreter.runtime_paths:
                (runtime / path.name).symlink_to(path)
            bootstrap = Path(runtime_bootstrap.__file__)
            shutil.copyfile(bootstrap, runtime / "bootstrap.py")
            entry = runtime / "bootstrap"
            shutil.copyfile(bootstrap.with_suffix(".sh"), entry)
            entry.chmod(0o555)
            runtime.chmod(0o555)
        return runtime

    def _doubt_of(self, version: FunctionVersion, prepared: Prepared) -> str:
        environment = version.configuration.environment
        key = (prepared.task, environment)
        doubt = self._doubts.get(key)
        if doubt is None:
            trees = ((prepared.task, "/var/task"), (prepared.opt, "/opt"))
            as_root = descriptors.user_id() == 0
            doubt = self._doubts[key] = doubt_of_paths(trees, environment, as_root=as_root)
        return doubt


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    """The folders of one environment."""

    opt: Path
    task: Path
    runtime: Path
    own: Path

    def renamed(self, text: str) -> str:
        """A text of the function's with the paths that it would have held in Lambda."""
        for path, name in (
            (self.task, "/var/task"),
            (self.opt, "/opt"),
            (self.runtime, "/var/runtime"),
            (self.own / "tmp", "/tmp"),  # noqa: S108 - a path in a text
        ):
            text = text.replace(str(path), name)
        return text


class _ProcessEnvironment(CarriedEnvironment):
    """An environment whose temporary files are looked at, and removed with it."""

    folder: Path
    child: ChildCarrier

    def invoke(self, invocation: Invocation) -> Outcome:
        """Replay one event; see `interface.ExecutionEnvironment`."""
        outcome = super().invoke(invocation)
        if outcome.doubt:
            return outcome
        limit_mb = self._version.configuration.ephemeral_storage_mb
        return replace(outcome, doubt=doubt_of_storage(self.folder / "tmp", limit_mb))

    def close(self) -> None:
        """End it and remove what was made for it. Safe to call twice."""
        super().close()
        if not self.child.ended_well:
            end_processes_of(self.folder)
        remove(self.folder)


def end_processes_of(folder: Path) -> None:
    """Kill every process that has a folder of ours in its variables.

    For what a function's processes leave that kill their carrier.
    """
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (process / "environ").read_bytes():
                os.kill(int(process.name), _KILL)
        except OSError:  # it is gone, or another user's
            continue


def without_privileges() -> tuple[str, ...]:
    """What a command begins with, so that root may not write where its files say otherwise."""
    setpriv = shutil.which("setpriv", path=os.defpath)
    if descriptors.user_id() != 0 or setpriv is None:
        return ()
    return (setpriv, "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs")


def limits_of(version: FunctionVersion) -> tuple[str, ...]:
    """What a command begins with, so that no file is larger than Lambda's /tmp."""
    prlimit = shutil.which("prlimit", path=os.defpath)
    if prlimit is None:
        return ()
    size = version.configuration.ephemeral_storage_mb * MB
    return (prlimit, f"--fsize={size}", "--core=0")


def _start_of(version: FunctionVersion, interpreter: Interpreter, folders: Folders) -> Start:
    opt, task = folders.opt, folders.task
    variables = {
        "PATH": f"{_PATH}:{opt / 'bin'}",
        "LD_LIBRARY_PATH": f"{task}:{task / 'lib'}:{opt / 'lib'}",
        "HOME": str(folders.own / "home"),
        "TMPDIR": str(folders.own / "tmp"),
    }
    variables.update(
        environment_of(
            version,
            runtime_api=ADDRESS,
            task_root=str(task),
            runtime_dir=str(folders.runtime),
            log_stream=f"process/{folders.own.name}",
        )
    )
    del variables[_ADDRESS_VARIABLE]  # the carrier sets the port that it found
    # -S keeps site-packages out, -s the user's; -B leaves the trees as they are.
    python = (str(interpreter.executable), "-S", "-s", "-B")
    return Start(
        arguments=(
            str(folders.runtime / "bootstrap"),
            *python,
            str(folders.runtime / "bootstrap.py"),
            str(opt),
        ),
        directory=str(task),
        variables=tuple(sorted(variables.items())),
    )
