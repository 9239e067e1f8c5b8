"""Unpacking a tar of the artefact store on disk, one over the other, as overlays go.

The tar was checked when it was made. It is checked here once more, cheaply, because what is
written to disk runs with the user's rights: every name is relative, and lies in a folder that
this very tar made. So nothing is ever written through a symlink that another layer brought.
"""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
from pathlib import Path


def unpack_tar(tar: Path, into: Path) -> None:
    """Unpack ``tar`` over ``into``, which is made when it is missing.

    Raises OSError, and tarfile.TarError for a tar that the store would not have made.
    """
    into.mkdir(parents=True, exist_ok=True)
    folders: dict[str, int] = {"": 0o755}
    with tarfile.open(tar, "r:", encoding="utf-8", errors="surrogateescape") as members:
        for member in members:
            name = member.name
            misplaced = name in folders or name.rpartition("/")[0] not in folders
            if misplaced or not _is_plain(name):
                raise tarfile.ExtractError(f"unexpected member {name!r}")
            path = into / name
            if member.isdir():
                _make_folder(path)
                # Closed folders would stop the members below, so the mode comes last.
                folders[name] = member.mode
                continue
            _remove(path)
            if member.issym():
                path.symlink_to(member.linkname)
            elif member.isreg():
                _write_file(members, member, path)
            else:
                raise tarfile.ExtractError(f"unexpected member {name!r}")
    del folders[""]
    for name, mode in reversed(folders.items()):
        (into / name).chmod(mode & 0o777 | stat.S_IRWXU)


def _is_plain(name: str) -> bool:
    return "\0" not in name and all(part not in ("", ".", "..") for part in name.split("/"))


def _make_folder(path: Path) -> None:
    if _is_folder(path):
        path.chmod(stat.S_IRWXU)
        return
    _remove(path)
    path.mkdir(mode=stat.S_IRWXU)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _remove(path: Path) -> None:
    if _is_folder(path):
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _write_file(members: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        content = members.extractfile(member)
        if content is None:
            raise tarfile.ExtractError(f"{member.name!r} has no content")
        shutil.copyfileobj(content, file)
        os.fchmod(file.fileno(), member.mode & 0o777)
