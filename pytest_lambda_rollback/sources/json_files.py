"""Files of one JSON document that people and recordings write: read whole, checked, explained.

Every mistake is a ConfigError that names the file and, where there is one, the line and column.
"""

from __future__ import annotations

import codecs
import json
import re
from pathlib import Path
from typing import Final, NoReturn

from pytest_lambda_rollback.errors import ConfigError

_CONSTANT: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|(-?Infinity|NaN)')


def content(path: Path, *, subject: str, limit_bytes: int, too_large: str, do: str) -> bytes:
    """The bytes of a file. Raises ConfigError if it cannot be read or is larger than the limit.

    ``subject`` names the kind of file in messages; ``too_large`` says why there is a limit, and
    ``do`` what to do about a larger file.
    """
    try:
        size = path.stat().st_size
        if size > limit_bytes:
            raise ConfigError(f"{subject} {path} has {size} bytes", why=too_large, do=do)
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{subject} {path} cannot be read",
            why=error.strerror or str(error),
            do="Check that it exists and that its permissions allow reading",
        ) from error


def text(path: Path, content: bytes, *, subject: str, smallest: str) -> str:
    """The text in a file. Raises ConfigError if it is no UTF-8, or empty.

    ``smallest`` says what an empty file should hold instead.
    """
    if content.startswith(codecs.BOM_UTF8):
        raise ConfigError(
            f"{subject} {path} begins with a byte order mark",
            why="JSON must not have one, and runtimes refuse such an event",
            do="Save it as UTF-8 without a byte order mark",
        )
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{subject} {path} is not UTF-8 text",
            why=f"byte {error.start} cannot be decoded",
            do="Save it as UTF-8",
        ) from error
    if not text.strip():
        raise ConfigError(f"{subject} {path} is empty", do=smallest)
    return text


def document(path: Path, text: str, *, subject: str) -> object:
    """The value in a file, checked to be JSON as its standard has it. Raises ConfigError.

    Its numbers are not to be used: they are floats, so that thousands of digits are no trouble.
    """

    def pairs(items: list[tuple[str, object]]) -> dict[str, object]:
        found: dict[str, object] = {}
        for key, value in items:
            if key in found:
                raise ConfigError(
                    f'{subject} {path} has the key "{key}" twice in one object',
                    why="runtimes differ in which of the two a function sees",
                    do="Remove one of them",
                )
            found[key] = value
        return found

    def constant(word: str) -> NoReturn:
        start = next(match.start(1) for match in _CONSTANT.finditer(text) if match.group(1))
        raise json.JSONDecodeError(f"{word} is not a JSON number", text, start)

    try:
        return json.loads(text, object_pairs_hook=pairs, parse_int=float, parse_constant=constant)
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"{subject} {path}:{error.lineno}:{error.colno} is not valid JSON",
            why=error.msg,
            do="Correct it at that line and column",
        ) from error
    except RecursionError as error:
        raise ConfigError(
            f"{subject} {path} is nested too deeply to be read",
            do="Record an event that the function can receive",
        ) from error
