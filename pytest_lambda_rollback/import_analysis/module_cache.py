"""What was read from sources before, kept on disk as JSON under digests of content.

Nothing here is ever stale: keys are digests of all that an entry depends on. A damaged or missing
entry is read again; a cache that cannot be written costs time and nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from pytest_lambda_rollback.import_analysis import module_facts
from pytest_lambda_rollback.packages import new_files


class ModuleCache:
    """Entries in ``<root>/modules``; with ``root=None`` nothing is kept."""

    def __init__(self, root: Path | None) -> None:
        self._folder = None if root is None else root / "modules"

    def load(self, *key: str) -> Any | None:
        """What was saved under these texts, or ``None``."""
        if self._folder is None:
            return None
        try:
            return json.loads(self._path(self._folder, key).read_bytes())
        except (OSError, ValueError):
            return None

    def save(self, data: object, *key: str) -> None:
        """Keep JSON data under these texts; others see it complete or not at all."""
        if self._folder is None:
            return
        with contextlib.suppress(OSError):
            path = self._path(self._folder, key)
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            new_files.write(path, json.dumps(data, separators=(",", ":")).encode())

    @staticmethod
    def _path(folder: Path, key: tuple[str, ...]) -> Path:
        # The parser is this interpreter's, so what it read is kept apart for each.
        parser = "{}.{}".format(*sys.version_info)
        text = "\0".join((str(module_facts.FORMAT), parser, *key))
        digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
        return folder / f"{digest}.json"
