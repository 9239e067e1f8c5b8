"""Names of the functions that each ``discover`` entry selects, as the archive has them.

A file is in the archive's folder, which version control may provide: nothing is taken from
it that is not a name of a Lambda function.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pytest_lambda_rollback.aws_lambda.names import FUNCTION_NAME
from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.packages import descriptors, new_files
from pytest_lambda_rollback.sources.archive import locks

OFFLINE: Final = "an offline run uses only the archive"

_LIMIT_BYTES: Final = 16 * 1024 * 1024


def checked(names: Sequence[object], entry: str) -> tuple[str, ...]:
    """The names, which become names of folders and checks. Raises SourceError."""
    if all(isinstance(each, str) and FUNCTION_NAME.fullmatch(each) for each in names):
        return tuple(str(each) for each in names)
    raise SourceError(
        f"the functions that discover.{entry} selects cannot be used",
        why="one of them is not a valid name of a Lambda function",
        do="Run `lambda-rollback sync`, and check who changed the archive's `discovered` folder",
    )


def read(root: Path, entry: str) -> tuple[str, ...]:
    """The names of an entry of the configuration, from the archive at ``root``.

    Raises SourceError.
    """
    path = _path(root, entry)
    try:
        # A link could lead to any file or device.
        with os.fdopen(os.open(path, os.O_RDONLY | descriptors.SAFELY), "rb") as file:
            names = json.loads(file.read(_LIMIT_BYTES))["functions"]
        return checked(tuple(names), entry)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise SourceError(
            f"the functions that discover.{entry} selects are not in the archive",
            why=OFFLINE,
            do="Run `lambda-rollback sync` with access to AWS",
        ) from error


def write(root: Path, entry: str, names: Sequence[str]) -> None:
    """Keep the names of an entry, if they changed. Raises SourceError."""
    path = _path(root, entry)
    text = json.dumps({"functions": sorted(names)}, indent=2) + "\n"
    try:
        if path.is_file() and path.read_bytes() == text.encode():
            return
        with locks.held(root):
            path.parent.mkdir(exist_ok=True)
            new_files.write(path, text.encode(), mode=0o644)
    except OSError as error:
        raise SourceError(
            f"{path} cannot be written", why=error.strerror or str(error), do="Make it writable"
        ) from error


def _path(root: Path, entry: str) -> Path:
    return root / "discovered" / f"{entry}.json"
