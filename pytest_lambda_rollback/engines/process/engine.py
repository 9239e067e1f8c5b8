"""The engine that runs functions as processes of this machine, for use without Docker.

The same Runtime API and AWS's own runtime client as everywhere, under an interpreter of the
function's Python version, with code and layers unpacked on disk. It keeps the host's environment
variables and site-packages away from the function, and cleans up after it; `NOT_SEALED` lists what
it does not isolate, for every report to show.
"""

from __future__ import annotations

import os
import platform
import secrets
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pytest_lambda_rollback.aws_lambda.architectures import architecture_of
from pytest_lambda_rollback.aws_lambda.runtimes import python_version
from pytest_lambda_rollback.engines.interface import Progress
from pytest_lambda_rollback.engines.process.folders import (
    Trees,
    byte_code_of,
    closed_to_others,
    make_runtime,
    remove,
    unpack_version,
)
from pytest_lambda_rollback.engines.process.interpreters import InterpreterFinder
from pytest_lambda_rollback.engines.runtime_api.environment_variables import environment_of
from pytest_lambda_rollback.engines.runtime_api.outcomes import BYTES, log_tail, outcome_of
from pytest_lambda_rollback.engines.runtime_api.server import Endpoint, Phase, ReplyKind, RuntimeApi
from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.model.replay import EngineDescription, Invocation, Outcome
from pytest_lambda_rollback.model.versions import Artifact, FunctionVersion

NOT_SEALED = (
    "outgoing network is open",
    "host libraries, user and file system",
    "no /opt and no /var/task",
    "memory limit is not enforced",
)

_LOOPBACK = "127.0.0.1"
_PATH = "/usr/local/bin:/usr/bin:/bin"


class ProcessEngine:
    """Runs Python functions as local processes. Satisfies engines.interface.Engine.

    ``store_unpack`` unpacks an artefact over a folder. ``work_dir`` is where trees and the
    environments' own folders go, by default a temporary folder that `close` removes.
    ``cache_dir`` keeps what is made for each interpreter once. An initialisation
    may last ``init_timeout_s`` and the function's timeout together, as on Lambda.
    """

    name = "process"

    def __init__(
        self,
        *,
        store_unpack: Callable[[Artifact, Path], None],
        interpreters: InterpreterFinder | None = None,
        work_dir: Path | None = None,
        cache_dir: Path | None = None,
        init_timeout_s: float = 10.0,
    ) -> None:
        self._unpack = store_unpack
        self._interpreters = interpreters or InterpreterFinder(
            cache_dir=cache_dir or _default_cache_dir()
        )
        self._init_timeout_s = init_timeout_s
        self._parent_dir = work_dir
        self._work: Path | None = None
        self._lock = threading.Lock()
        self._building = threading.Lock()
        self._trees: dict[tuple[str, ...], Trees] = {}
        self._environments: set[_ProcessEnvironment] = set()
        self._api = RuntimeApi()
        self._closed = False

    def prepare(self, version: FunctionVersion, progress: Progress) -> None:
        """Find the interpreter and unpack code and layers. Raises EngineError."""
        self._prepared(version, progress)

    def start(self, version: FunctionVersion) -> _ProcessEnvironment:
        """Start a fresh runtime process. Raises EngineError."""
        trees = self._prepared(version, lambda _line: None)
        with self._building:
            if self._closed:
                raise _closed_error(version)
            folder = self._folder("environment")
        endpoint = self._api.open(
            host=_random_loopback(),
            version=version,
            init_timeout_s=self._init_timeout_s,
            peer=_LOOPBACK,
        )
        environment = _ProcessEnvironment(
            version=version, trees=trees, endpoint=endpoint, folder=folder
        )
        if not self._keep(environment):
            environment.close()
            raise _closed_error(version)
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
            environments, self._environments = self._environments, set()
        for environment in environments:
            environment.kill()
        for environment in environments:
            environment.close()
        self._api.close()
        with self._building:
            work, self._work = self._work, None
            runtimes = {trees.runtime for trees in self._trees.values()}
            self._trees.clear()
        if work is not None:
            for runtime in runtimes:
                remove(Path(f"{byte_code_of(runtime)}{work}"))
            remove(work)

    def _keep(self, environment: _ProcessEnvironment) -> bool:
        """Remember an environment until it is closed; False once the engine is closed."""
        with self._lock:
            if self._closed:
                return False
            self._environments = {item for item in self._environments if not item.closed}
            self._environments.add(environment)
            return True

    # --- trees --------------------------------------------------------------------------------

    def _prepared(self, version: FunctionVersion, progress: Progress) -> Trees:
        if version.image is not None:
            raise EngineError(
                f"{version.name} cannot be run by the process engine",
                why="its package is a container image, which needs Docker",
                do="Use the docker engine on a machine where Docker answers",
            )
        python = _python_of(version)
        key = (python, version.code.digest, *(layer.artifact.digest for layer in version.layers))
        with self._building:
            if self._closed:
                raise _closed_error(version)
            trees = self._trees.get(key)
            if trees is None:
                trees = self._trees[key] = self._build(version, python, progress)
        return trees

    def _build(self, version: FunctionVersion, python: str, progress: Progress) -> Trees:
        for artifact in (version.code, *(layer.artifact for layer in version.layers)):
            closed = closed_to_others(artifact.tar)
            if closed is not None:
                raise EngineError(
                    f"{version.name} cannot be run as Lambda would by the process engine",
                    why=f"{closed} in {artifact.label} is not readable by Lambda's user",
                    do="Make it readable by all (chmod -R a+rX before zipping), or use "
                    "the docker engine, which shows the effect",
                )
        try:
            interpreter = self._interpreters.find(python, progress)
        except EngineError as error:
            raise EngineError(
                f"{version.name} cannot be run here: {error.what}", why=error.why, do=error.do
            ) from error
        work = self._work_dir()
        try:
            try:
                runtime = make_runtime(self._interpreters.cache_dir, interpreter)
            except OSError:  # a cache that cannot be written costs time only
                runtime = make_runtime(work, interpreter)
            opt, task = unpack_version(version, self._folder("tree"), self._unpack)
        except (OSError, tarfile.TarError) as error:
            raise EngineError(
                f"{version.name} cannot be unpacked",
                why=str(error),
                do="Check that the temporary folder has free space and is writable",
            ) from error
        return Trees(interpreter=interpreter, runtime=runtime, opt=opt, task=task)

    def _work_dir(self) -> Path:
        if self._work is None:
            if self._parent_dir is not None:
                self._parent_dir.mkdir(parents=True, exist_ok=True)
            self._work = Path(tempfile.mkdtemp(prefix="lambda-rollback-", dir=self._parent_dir))
            self._work = self._work.resolve()
        return self._work

    def _folder(self, kind: str) -> Path:
        return Path(tempfile.mkdtemp(prefix=f"{kind}-", dir=self._work_dir()))


class _ProcessEnvironment:
    """One runtime process in its own session, with its own /tmp, home and log."""

    def __init__(
        self, *, version: FunctionVersion, trees: Trees, endpoint: Endpoint, folder: Path
    ) -> None:
        self._version = version
        self._trees = trees
        self._folder = folder
        self._log = folder / "log"
        self._lock = threading.Lock()
        self._reaped = False
        self.closed = False
        self._endpoint = endpoint
        read_end, self._write_end = os.pipe()
        try:
            self._process = self._launch(trees, read_end)
        except OSError as error:
            os.close(self._write_end)
            self._endpoint.close()
            remove(folder)
            raise EngineError(
                f"{version.name} cannot be started under {trees.interpreter.executable}",
                why=str(error),
                do="Check that this interpreter can be run",
            ) from error
        finally:
            os.close(read_end)
        self._watcher = threading.Thread(target=self._watch, name=f"watch {version.name}")
        self._watcher.daemon = True
        self._watcher.start()

    @property
    def alive(self) -> bool:
        """False once the runtime has ended, timed out or was closed."""
        return not (self.closed or self._endpoint.finished or self._reaped)

    def invoke(self, invocation: Invocation) -> Outcome:
        """Replay one event. After anything that ends the environment its processes are gone."""
        begin = self._log_size()
        reply = self._endpoint.invoke(invocation)
        if self._endpoint.finished:
            self.kill()
            self._watcher.join()
        if reply.kind is ReplyKind.RESPONDED:
            return outcome_of(reply, version=self._version)
        before_the_event = reply.phase is not Phase.INVOKE or reply.cold
        logs = self._log_lines(0 if before_the_event else begin)
        return self._as_in_lambda(outcome_of(reply, version=self._version, logs=logs))

    def kill(self) -> None:
        """Kill the process group; the watcher reaps it."""
        with self._lock:
            # Until it is reaped its id cannot belong to another group.
            if not self._reaped:
                os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """Kill the runtime and its children, and remove its folder. Safe to call twice."""
        with self._lock:
            if self.closed:
                return
            self.closed = True
        self.kill()
        self._watcher.join()
        self._endpoint.close()
        os.close(self._write_end)
        remove(self._folder)

    def _launch(self, trees: Trees, read_end: int) -> subprocess.Popen[bytes]:
        for name in ("tmp", "home"):
            (self._folder / name).mkdir()
        variables = {
            "PATH": f"{_PATH}:{trees.opt / 'bin'}",
            "LD_LIBRARY_PATH": f"{trees.task}:{trees.task / 'lib'}:{trees.opt / 'lib'}",
            "HOME": str(self._folder / "home"),
            "TMPDIR": str(self._folder / "tmp"),
        }
        variables.update(
            environment_of(
                self._version,
                runtime_api=self._endpoint.address,
                task_root=str(trees.task),
                runtime_dir=str(trees.runtime),
                log_stream=f"process/{self._folder.name}",
            )
        )
        # -S keeps site-packages out, -s the user's; byte code is cached beside the trees, which
        # are read-only as /var/task and /opt are.
        command = [str(trees.interpreter.executable), "-S", "-s"]
        command += ["-X", f"pycache_prefix={byte_code_of(trees.runtime)}"]
        command += [str(trees.runtime / "bootstrap.py"), str(trees.opt), str(read_end)]
        with self._log.open("ab") as log:
            return subprocess.Popen(
                command,
                env=variables,
                cwd=trees.task,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(read_end,),
                start_new_session=True,
            )

    def _watch(self) -> None:
        """Wait for the runtime's end, tell the Runtime API, end what it left, then reap it."""
        end = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        status = "ended"
        if end is not None:
            status = str(end.si_status)
            if end.si_code != os.CLD_EXITED:
                status = f"was killed by {signal.Signals(end.si_status).name}"
        self._endpoint.runtime_exited(status)
        with self._lock:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._reaped = True

    def _log_size(self) -> int:
        return self._log.stat().st_size if self._log.exists() else 0

    def _log_lines(self, begin: int) -> tuple[str, ...]:
        """The last lines that were logged from ``begin`` on."""
        try:
            with self._log.open("rb") as log:
                size = log.seek(0, os.SEEK_END)
                log.seek(max(begin, size - BYTES))
                return log_tail(log.read())
        except OSError:
            return ()

    def _as_in_lambda(self, outcome: Outcome) -> Outcome:
        """The outcome with the paths that the function would have seen in Lambda."""
        error = outcome.error
        if error is not None:
            error = replace(
                error,
                message=self._trees.renamed(error.message),
                stack_trace=tuple(self._trees.renamed(frame) for frame in error.stack_trace),
            )
        return replace(
            outcome,
            error=error,
            detail=self._trees.renamed(outcome.detail),
            logs=tuple(self._trees.renamed(line) for line in outcome.logs),
        )


def _python_of(version: FunctionVersion) -> str:
    """``3.11`` of the runtime ``python3.11``. Raises EngineError for what cannot be run here."""
    if sys.platform != "linux":
        raise EngineError(
            f"{version.name} cannot be run by the process engine",
            why="AWS's runtime client runs on Linux only",
            do="Use the docker engine",
        )
    runtime, architecture = version.configuration.runtime, version.configuration.architecture
    number = python_version(runtime)
    if number is None:
        raise EngineError(
            f"{version.name} cannot be run by the process engine",
            why=f"it runs Python functions only, and this one's runtime is {runtime}",
            do="Install and start Docker, and use the docker engine",
        )
    machine = architecture_of(platform.machine()) or platform.machine()
    if architecture != machine:
        raise EngineError(
            f"{version.name} cannot be run by the process engine",
            why=f"it is built for {architecture}, and this machine is {machine}",
            do="Use the docker engine, or a machine of that architecture",
        )
    return number


def _random_loopback() -> str:
    """One of the 16 million addresses of this host: together with the port it cannot be guessed."""
    first, second = secrets.randbelow(256), secrets.randbelow(256)
    return f"127.{first}.{second}.{1 + secrets.randbelow(254)}"


def _default_cache_dir() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "pytest-lambda-rollback"


def _closed_error(version: FunctionVersion) -> EngineError:
    return EngineError(f"{version.name} cannot be started", why="the process engine was closed")
