"""Finding, on this machine, an interpreter that can replace a Lambda runtime.

It looks where Python interpreters are kept, asks each once what it is and whether AWS's runtime
client works under it, and remembers the answer. It starts no function.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_lambda_rollback.engines.host import interpreter_probe
from pytest_lambda_rollback.errors import EngineError

_PROBE_TIMEOUT_S = 30
_PACKAGES = ("awslambdaric", "boto3")
"""Packages that a Lambda Python runtime includes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """A CPython and the paths that its Lambda runtime is made of."""

    executable: Path
    version: str
    """Major and minor, ``3.11``."""
    full_version: str
    prefix: Path
    """The folder that it is installed in, also where it serves a virtual environment."""
    stdlib: Path
    libraries: tuple[Path, ...]
    """Shared libraries that it loads, wherever they are."""
    runtime_paths: tuple[Path, ...]
    """Files and folders of AWS's runtime client, boto3 and what they require."""


def candidates(version: str) -> Iterator[Path]:
    """Paths at which an interpreter of ``version`` (``3.11``) may be, the likeliest first."""
    name = f"python{version}"
    if version == "{}.{}".format(*sys.version_info):
        yield Path(sys.executable)
    on_path = shutil.which(name)
    if on_path:
        yield Path(on_path)
    home = Path.home()
    pyenv = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv")
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or data / "uv" / "python")
    for root, pattern in ((pyenv / "versions", f"{version}*"), (uv, f"cpython-{version}.*")):
        if root.is_dir():
            yield from sorted((path / "bin" / name for path in root.glob(pattern)), reverse=True)
    for folder in ("/usr/local/bin", "/usr/bin"):
        yield Path(folder) / name


class InterpreterFinder:
    """Finds interpreters with AWS's runtime client. Safe to use from several threads.

    ``cache_dir`` keeps what is made for an interpreter once and used by every later run: runtime
    clients for other Pythons than our own, installed by pip when they are first needed.
    """

    def __init__(
        self,
        *,
        cache_dir: Path,
        candidates: Callable[[str], Iterator[Path]] = candidates,
    ) -> None:
        self.cache_dir = cache_dir
        self._candidates = candidates
        self._lock = threading.Lock()
        self._found: dict[str, Interpreter | EngineError] = {}

    def find(self, version: str, progress: Callable[[str], None]) -> Interpreter:
        """The interpreter for ``version``, major and minor. Raises EngineError, always the same."""
        with self._lock:
            found = self._found.get(version)
            if found is None:
                try:
                    found = self._search(version, progress)
                except EngineError as error:
                    found = error
                self._found[version] = found
        if isinstance(found, EngineError):
            raise EngineError(found.what, why=found.why, do=found.do)
        return found

    def _search(self, version: str, progress: Callable[[str], None]) -> Interpreter:
        first: dict[str, Any] | None = None
        for path in dict.fromkeys(self._candidates(version)):
            answer = _ask(path)
            if answer is None or answer["implementation"] != "cpython":
                continue
            if answer["version"] != version:
                continue
            if answer["awslambdaric"]:
                return _interpreter(answer, answer["awslambdaric"])
            first = first or answer
        if first is None:
            raise EngineError(
                f"no Python {version} on this machine",
                why="without Docker a function runs under its runtime's own Python version",
                do=f"Install Python {version}, for instance with `pyenv install {version}` or "
                f"`uv python install {version}`, or use the docker engine",
            )
        executable = Path(first["executable"])
        folder = self._installed(executable, version, progress)
        installed = _ask(executable, folder)
        if installed is None or not installed["awslambdaric"]:
            raise _no_runtime_client(
                version, folder, "the installed client does not work with this interpreter"
            )
        return _interpreter(installed, installed["awslambdaric"])

    def _installed(self, executable: Path, version: str, progress: Callable[[str], None]) -> Path:
        """A folder with AWS's runtime client for ``version``, filled by pip when it is missing."""
        folder = self.cache_dir / "awslambdaric" / version
        if folder.is_dir():
            return folder
        progress(f"Installing AWS's runtime client for Python {version} with pip")
        partial = folder.with_name(f"{version}.{os.getpid()}.partial")
        why = ""
        for pip in (Path(sys.executable), executable):
            command = _pip_command(pip, version, partial)
            shutil.rmtree(partial, ignore_errors=True)
            try:
                partial.mkdir(parents=True)
                run = subprocess.run(command, capture_output=True, text=True, timeout=300)
            except (OSError, subprocess.SubprocessError) as error:
                why = str(error)
                continue
            if run.returncode == 0:
                compile_all = [str(executable), "-I", "-m", "compileall", "-q", str(partial)]
                subprocess.run(compile_all, capture_output=True)
                try:
                    partial.rename(folder)
                except OSError:  # another process was faster
                    shutil.rmtree(partial, ignore_errors=True)
                return folder
            why = next(
                (line for line in reversed(run.stderr.splitlines()) if line.startswith("ERROR")),
                run.stderr.strip()[-300:],
            )
        shutil.rmtree(partial, ignore_errors=True)
        raise _no_runtime_client(version, folder, why)


def _pip_command(pip: Path, version: str, folder: Path) -> list[str]:
    options = ["--quiet", "--disable-pip-version-check", "--no-input"]
    fit = ["--only-binary=:all:", "--implementation", "cp", "--python-version", version]
    target = ["--no-compile", "--target", str(folder)]
    return [str(pip), "-I", "-m", "pip", "install", *options, *fit, *target, *_PACKAGES]


def _no_runtime_client(version: str, folder: Path, why: str) -> EngineError:
    command = " ".join(_pip_command(Path("python3"), version, folder))
    return EngineError(
        f"AWS's runtime client (awslambdaric) is missing for Python {version}",
        why=why,
        do=f"Run `{command}`, or use the docker engine",
    )


def _interpreter(answer: dict[str, Any], client: list[str]) -> Interpreter:
    # boto3 is part of Lambda's Python runtimes. It is pure Python, so ours fits as well.
    boto3 = answer["boto3"] or interpreter_probe.probe()["boto3"] or []
    by_name = {Path(text).name: Path(text) for text in (*boto3, *client)}
    return Interpreter(
        executable=Path(answer["executable"]),
        version=answer["version"],
        full_version=answer["full_version"],
        prefix=Path(answer["prefix"]),
        stdlib=Path(answer["stdlib"]),
        libraries=tuple(Path(text) for text in answer["libraries"]),
        runtime_paths=tuple(by_name[name] for name in sorted(by_name)),
    )


def _ask(executable: Path, folder: Path | None = None) -> dict[str, Any] | None:
    """An interpreter's description of itself; ``None`` for a file that is not one."""
    if not executable.exists():
        return None
    if folder is None and executable == Path(sys.executable):
        return interpreter_probe.probe()
    command = [str(executable), "-I", "-B", interpreter_probe.__file__]
    command += [str(folder)] if folder else []
    try:
        run = subprocess.run(
            command, capture_output=True, stdin=subprocess.DEVNULL, timeout=_PROBE_TIMEOUT_S
        )
        answer = json.loads(run.stdout) if run.returncode == 0 else None
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return answer if isinstance(answer, dict) else None
