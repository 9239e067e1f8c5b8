"""The origin ``folder``: JSON files on this machine, for which no AWS is needed."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pytest_lambda_rollback.errors import ConfigError
from pytest_lambda_rollback.model.downstream import FILE_SUFFIX
from pytest_lambda_rollback.model.recorded import Skipped, StoredObject
from pytest_lambda_rollback.recording import event_files
from pytest_lambda_rollback.recording.origins.interface import (
    OriginAccess,
    OriginRequest,
    Reading,
)

_MAX_FILE_BYTES: Final = 48 * 1_048_576
_ENDINGS: Final = (".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz", ".ndjson.gz")


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderOrigin:
    """JSON files in a folder and the folders below it."""

    path: Path

    def __str__(self) -> str:
        return f"folder {self.path}"

    def events(self, access: OriginAccess) -> Generator[Reading]:
        """The events in the files, in order of their paths."""
        if not self.path.is_dir():
            raise ConfigError(
                f"{self} could not be read",
                why="it does not exist or is a file",
                do="Name a folder with JSON files",
            )
        for path in sorted(self.path.rglob("*")):
            if not path.name.endswith(_ENDINGS) or path.name.startswith("."):
                continue
            if path.name.endswith(FILE_SUFFIX):  # recorded answers of services, and no event
                continue
            if not path.is_file():
                continue
            try:
                large = path.stat().st_size > _MAX_FILE_BYTES
                content = b"" if large else path.read_bytes()
            except OSError:
                yield Skipped(reason="a file could not be read")
                continue
            stored = StoredObject(name=str(path), content=content, too_large=large)
            yield from event_files.events(stored, source="folder", function=access.function)


class Folder:
    """``folder=PATH``, relative to the working directory."""

    name = "folder"
    form = "folder=PATH"
    published = False

    def make(self, value: str, request: OriginRequest) -> FolderOrigin | None:
        """The folder. Raises ConfigError if it contains the fixtures, or they contain it."""
        if not value:
            return None
        origin = FolderOrigin(path=Path(value).absolute())
        path, into = origin.path.resolve(), request.into.resolve()
        if into.is_relative_to(path) or path.is_relative_to(into):
            raise ConfigError(
                f"{origin} and the folder of fixtures {into} overlap",
                why="recorded events could not be told apart from fixtures",
                do="Name two separate folders",
            )
        return origin
