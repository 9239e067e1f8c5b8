"""The folders that a process of the process engine runs on.

A folder in place of /var/runtime, with byte code if it is used, and read-only trees
of code and layers. Nothing is started here.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pytest_lambda_rollback.engines.process import runtime_bootstrap
from pytest_lambda_rollback.engines.process.interpreters import Interpreter
from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.model.versions import Artifact, FunctionVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class Trees:
    """The files that a start needs, shared by all environments of equal content."""

    interpreter: Interpreter
    runtime: Path
    opt: Path
    task: Path

    def renamed(self, text: str) -> str:
        """A text of the function's with the paths that it would have held in Lambda."""
        for path, name in (
            (self.task, "/var/task"),
            (self.opt, "/opt"),
            (self.runtime, "/var/runtime"),
        ):
            text = text.replace(str(path), name)
        return text


def closed_to_others(tar: Path) -> str | None:
    """The first file or folder of a package that only its owner can read, if there is one.

    Lambda runs functions as a user of their own, files belong to another; here they belong to
    the current user, so a mode such as 0600 would have no effect. Raises EngineError.
    """
    try:
        with tarfile.open(tar) as members:
            for member in members:
                needed = 0o005 if member.isdir() else 0o004
                if not member.issym() and member.mode & needed != needed:
                    return member.name
    except (OSError, tarfile.TarError) as error:
        raise EngineError(f"the package {tar} cannot be read", why=str(error)) from error
    return None


def make_runtime(parent: Path, interpreter: Interpreter) -> Path:
    """The stand-in for /var/runtime: AWS's client, boto3, and nothing else of the host.

    It is made once for each state of the interpreter's packages and found again in ``parent`` by
    later runs and other processes. Raises OSError, and leaves nothing then.
    """
    final = parent / "runtimes" / _key(interpreter)
    folder = final / "runtime"
    if folder.is_dir():
        return folder
    final.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix="partial-", dir=final.parent))
    try:
        _fill_runtime(partial, folder, interpreter)
        partial.rename(final)
    except OSError:
        remove(partial)
        if not folder.is_dir():  # else another process was faster
            raise
    return folder


def _key(interpreter: Interpreter) -> str:
    packages = [(str(path), path.stat().st_mtime_ns) for path in interpreter.runtime_paths]
    bootstrap = Path(runtime_bootstrap.__file__).read_text()
    state = (str(interpreter.executable), interpreter.full_version, packages, bootstrap)
    return f"{interpreter.version}-{hashlib.sha256(repr(state).encode()).hexdigest()[:16]}"


def _fill_runtime(partial: Path, seen_as: Path, interpreter: Interpreter) -> None:
    runtime, cache = partial / "runtime", partial / "bytecode"
    runtime.mkdir()
    for path in interpreter.runtime_paths:
        (runtime / path.name).symlink_to(path)
        _seed_byte_code(cache, path, seen_as / path.name, interpreter.tag, depth="**/")
    for depth in ("", "*/"):
        stdlib = interpreter.stdlib
        _seed_byte_code(cache, stdlib, stdlib, interpreter.tag, depth=depth)
    shutil.copyfile(runtime_bootstrap.__file__, runtime / "bootstrap.py")


def unpack_version(
    version: FunctionVersion,
    folder: Path,
    unpack: Callable[[Artifact, Path], None],
) -> tuple[Path, Path]:
    """Unpack layers in their order and the code, read-only; the folders for /opt and /var/task.

    Raises what ``unpack`` raises, and OSError.
    """
    opt, task = folder / "opt", folder / "task"
    for root in (opt, task):
        root.mkdir()
    for layer in version.layers:
        unpack(layer.artifact, opt)
    unpack(version.code, task)
    _make_read_only(folder)
    return opt, task


def _seed_byte_code(cache: Path, source: Path, seen_as: Path, tag: str, *, depth: str) -> None:
    """Let byte code that lies beside ``source`` be found in ``cache``, if it is used.

    Lambda's standard library and boto3 are compiled as well; compiling them in the first
    replay would take a second or two of its time.
    """
    place = Path(f"{cache}{seen_as}")
    if source.suffix == ".py":
        compiled = source.parent / "__pycache__" / f"{source.stem}.{tag}.pyc"
        pairs = [(compiled, place.parent / compiled.name)] if compiled.exists() else []
    else:
        pairs = [
            (path, place / path.parent.parent.relative_to(source) / path.name)
            for path in source.glob(f"{depth}__pycache__/*.{tag}.pyc")
        ]
    for folder in {link.parent for _, link in pairs}:
        folder.mkdir(parents=True, exist_ok=True)
    for path, link in pairs:
        link.symlink_to(path)


def byte_code_of(runtime: Path) -> Path:
    """The folder of byte code for processes that run on this runtime folder.

    Below it are the full paths of the folders that hold the sources.
    """
    return runtime.parent / "bytecode"


def _make_read_only(folder: Path) -> None:
    writable = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH
    for root, _folders, files in os.walk(folder, topdown=False):
        for path in [*(Path(root) / name for name in files), Path(root)]:
            if not path.is_symlink():
                path.chmod(path.stat().st_mode & ~writable)


def remove(folder: Path) -> None:
    """Remove a tree that may be read-only. Files that a process still holds are left to the system.

    Several threads may remove one tree: an environment that ends, and the engine that closes.
    """
    for root, _folders, _files in os.walk(folder):
        with contextlib.suppress(FileNotFoundError):
            Path(root).chmod(stat.S_IRWXU)
    shutil.rmtree(folder, ignore_errors=True)
