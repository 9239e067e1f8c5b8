"""Checking existing fixtures for secrets and personal data.

It reads fixtures, bare or in an envelope, and finds what `redactor` would replace, except
pseudonyms. No key is needed, so it works in CI. No result shows a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pytest_lambda_rollback.errors import ConfigError
from pytest_lambda_rollback.redaction import checksums
from pytest_lambda_rollback.redaction.documents import read_json
from pytest_lambda_rollback.redaction.pseudonyms import ECHO, Pseudonyms
from pytest_lambda_rollback.redaction.redactor import redact_event
from pytest_lambda_rollback.redaction.rules import Pointer, RedactionRules, pointer_text

MAX_BYTES: Final = 48 * 1024 * 1024
_SHOW_FROM: Final = 8
"""Two characters would reveal too much of a shorter value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """One secret or personal value in a fixture."""

    path: Path
    pointer: str
    """JSON Pointer into the event, or from ``/context`` and ``/downstream`` of an envelope."""
    detector: str
    """A detector's name, ``key`` or ``pointer``."""
    shown: str
    """At most the first two characters, and the length."""


def check(paths: Iterable[Path], rules: RedactionRules) -> tuple[Leak, ...]:
    """The leaks of the fixtures, or of those in folders. Raises ConfigError."""
    leaks: list[Leak] = []
    for path in fixtures(paths):
        leaks.extend(_leaks(path, rules))
    return tuple(dict.fromkeys(leaks))


def fixtures(paths: Iterable[Path]) -> Iterator[Path]:
    """The named files, and every ``*.json`` in and below the named folders."""
    for path in paths:
        if path.is_dir():
            yield from sorted(found for found in path.rglob("*.json") if found.is_file())
        else:
            yield path


def _leaks(path: Path, rules: RedactionRules) -> list[Leak]:
    found: list[Leak] = []

    def report(pointer: Pointer, detector: str, value: str) -> None:
        if detector != ECHO and checksums.recognisable(value):
            shown = f"{value[:2]}… " if len(value) >= _SHOW_FROM else ""
            found.append(
                Leak(
                    path=path,
                    pointer=pointer_text(pointer),
                    detector=detector,
                    shown=f"{shown}({len(value)} characters)",
                )
            )

    for document in _documents(path):
        redact_event(document, rules, Pseudonyms(b"\0" * 32), report, sure=checksums.LIKELY_BITS)
    return found


def _documents(path: Path) -> Iterator[object]:
    """The event of a fixture, the context of its invocation and the answers of services.

    A file of recorded answers is checked as a whole.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(
                f"could not check event fixture {path}",
                why=f"it has more than {MAX_BYTES} bytes",
                do="Record a smaller event",
            )
        document = read_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"could not check event fixture {path}",
            why=error.strerror or str(error),
            do="Check that it exists and that its permissions allow reading",
        ) from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f"could not check event fixture {path}",
            why="it is not valid JSON in UTF-8, or an object in it has a key twice",
            do="Correct it, or record it again",
        ) from error
    if isinstance(document, dict) and "lambda_rollback" in document:
        yield document.get("event")
        yield {"context": document.get("context")}
        yield {"downstream": document.get("downstream")}
    else:
        yield document
