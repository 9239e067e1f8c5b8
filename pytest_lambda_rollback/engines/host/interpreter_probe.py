"""Reports what an interpreter has for a Lambda runtime; runs *under* that interpreter, as a script.

It must not import this package, and must run on every Python that a Lambda runtime has. An
optional argument is a folder to look in before the interpreter's own site-packages.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.metadata
import json
import re
import sys
import sysconfig
from pathlib import Path
from typing import Any, Optional


def probe() -> dict[str, Any]:
    """Interpreter version and, by distribution, the paths that its import needs."""
    return {
        "executable": sys.executable,
        "implementation": sys.implementation.name,
        "version": "{}.{}".format(*sys.version_info[:2]),
        "full_version": "{}.{}.{}".format(*sys.version_info[:3]),
        "prefix": sys.base_prefix,
        "stdlib": sysconfig.get_path("stdlib"),
        "libraries": _libraries(),
        "awslambdaric": _runtime_client(),
        "boto3": _paths("boto3"),
    }


def _libraries() -> list[str]:
    """The shared libraries, by their real paths, that the interpreter and its modules load."""
    for module in ("bz2", "ctypes", "lzma", "sqlite3", "ssl", "zlib"):
        try:
            importlib.import_module(module)
        except ImportError:  # not every interpreter is built with all of them
            continue
    try:
        maps = Path("/proc/self/maps").read_bytes().decode("utf-8", "surrogateescape")
    except OSError:
        return []
    columns = [line.split(None, 5) for line in maps.splitlines()]
    paths = {row[5] for row in columns if len(row) == 6 and re.search(r"\.so(\.|$)", row[5])}
    return sorted(path for path in paths if not re.search(r"/(site|dist)-packages/", path))


def _runtime_client() -> Optional[list[str]]:  # noqa: UP045 - runs on older Pythons as well
    """The paths of AWS's runtime client, if its native part is made for this interpreter."""
    paths = _paths("awslambdaric")
    suffixes = tuple(importlib.machinery.EXTENSION_SUFFIXES)
    for path in paths or ():
        name = re.split(r"[/\\]", path)[-1]
        if name.startswith("runtime_client.") and name.endswith(suffixes):
            return paths
    return None


def _paths(distribution: str) -> Optional[list[str]]:  # noqa: UP045
    """Top-level files and folders of a distribution and all that it requires."""
    waiting, done, paths = [distribution], set(), set()
    while waiting:
        name = waiting.pop()
        if name in done:
            continue
        done.add(name)
        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            return None
        if found.files is None:
            return None
        for file in found.files:
            if file.parts[0] not in ("..", "__pycache__", "bin"):
                paths.add(str(found.locate_file(file.parts[0])))
        for requirement in found.requires or ():
            match = re.match(r"[A-Za-z0-9._-]+", requirement)
            if match and "extra ==" not in requirement:
                waiting.append(match[0])
    return sorted(paths)


if __name__ == "__main__":
    sys.path[:0] = sys.argv[1:]
    sys.stdout.write(json.dumps(probe()))
