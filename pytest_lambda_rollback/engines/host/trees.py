"""Code and layers unpacked on this machine: read-only trees for /var/task and /opt.

Nothing is started here.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path

from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.model.versions import Artifact, FunctionVersion


def closed_to_others(tar: Path) -> str | None:
    """The first file or folder of a package that only its owner can read, if there is one.

    Lambda runs functions as a user of their own, files belong to another; where they belong to
    the user that runs the function, a mode such as 0600 would have no effect. Raises EngineError.
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
        root.mkdir(mode=0o755)
    for layer in version.layers:
        unpack(layer.artifact, opt)
    unpack(version.code, task)
    _make_read_only(folder)
    return opt, task


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
