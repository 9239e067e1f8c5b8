"""Fixture files of recorded events: reading, adding and removing them.

An existing file is never overwritten. Beside the fixtures, ``.recorded.sha256`` (which
``sha256sum --check`` reads) says which of them a recording wrote and with what content; a
fixture that differs from it, or is not in it, was edited or written by a person and is never
removed. Events are already redacted here. Each file is written under a temporary name, checked by
the rules for fixtures, and then renamed.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pytest_lambda_rollback.aws_lambda.limits import EVENT_BYTES
from pytest_lambda_rollback.errors import ConfigError
from pytest_lambda_rollback.model.downstream import FILE_SUFFIX
from pytest_lambda_rollback.model.recorded import RecordedEvent
from pytest_lambda_rollback.recording import json_text
from pytest_lambda_rollback.sources import events, json_texts

LEDGER: Final = ".recorded.sha256"
_MAX_NAME_CHARS: Final = 60
_MAX_FILE_BYTES: Final = 8 * EVENT_BYTES
_IDENTITY_KEYS: Final = ("cognitoIdentityId", "cognitoIdentityPoolId")
_NO_LINKS: Final = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExistingFixture:
    """A fixture in the folder."""

    name: str
    """Its path below the folder, with ``/``."""
    event: object = field(repr=False)
    recorded: bool = False
    """True if a recording wrote it and it was not changed."""


@dataclass(slots=True)
class FixtureFolder:
    """The fixtures below one folder, read when it is opened."""

    path: Path
    existing: tuple[ExistingFixture, ...] = ()
    unreadable: tuple[str, ...] = ()
    """Names of files that are not fixtures because they are not JSON."""
    _ledger: dict[str, str] = field(default_factory=dict)
    _taken: set[str] = field(default_factory=set)

    @classmethod
    def open(cls, path: Path) -> FixtureFolder:
        """The folder, which need not exist yet. Raises ConfigError if it cannot be read."""
        folder = cls(path=path)
        existing, unreadable = [], []
        try:
            folder._ledger = dict(_ledger(path / LEDGER))
            for file in sorted(path.rglob("*.json")) if path.is_dir() else ():
                if file.name.endswith(FILE_SUFFIX):
                    continue
                name = file.relative_to(path).as_posix()
                folder._taken.add(name.lower())
                fixture = folder._existing(name, file)
                if fixture is None:
                    unreadable.append(name)
                else:
                    existing.append(fixture)
        except OSError as error:
            raise _failure(path, "read", error) from error
        folder.existing, folder.unreadable = tuple(existing), tuple(unreadable)
        return folder

    def _existing(self, name: str, file: Path) -> ExistingFixture | None:
        if file.stat().st_size > _MAX_FILE_BYTES:
            return None
        content = file.read_bytes()
        try:
            document = json_text.parse(content.decode("utf-8"))
        except ValueError:
            return None
        if isinstance(document, dict) and "lambda_rollback" in document:
            document = document.get("event")
        return ExistingFixture(
            name=name, event=document, recorded=self._ledger.get(name) == _digest(content)
        )

    def add(self, event: RecordedEvent, *, name: str) -> str:
        """Write a redacted event as a new fixture; returns the name of its file.

        Raises ConfigError if the rules for fixtures refuse it or it cannot be written.
        """
        content = envelope(event).encode("utf-8")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            draft = self.path / f".{_safe(name)}.{os.getpid()}.draft"
            try:
                with draft.open("xb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                events.load(draft, name=name)
                final = self._placed(draft, _safe(name))
            finally:
                draft.unlink(missing_ok=True)
        except OSError as error:
            raise _failure(self.path, "write", error) from error
        self._ledger[final] = _digest(content)
        self._write_ledger()
        return final

    def remove(self, name: str) -> bool:
        """Remove a fixture that a recording wrote and that was not changed; False for any other."""
        file = self.path / name
        try:
            if self._ledger.get(name) != _digest(file.read_bytes()):
                return False
            file.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _failure(self.path, "write", error) from error
        del self._ledger[name]
        self._write_ledger()
        return True

    def _placed(self, draft: Path, stem: str) -> str:
        """Give the draft the first free name of its stem."""
        number = 1
        while True:
            name = f"{stem}.json" if number == 1 else f"{stem}-{number}.json"
            number += 1
            if name in self._taken:
                continue
            self._taken.add(name)
            try:
                os.link(draft, self.path / name)
            except FileExistsError:
                continue
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                if (self.path / name).exists():
                    continue
                draft.rename(self.path / name)
            return name

    def _write_ledger(self) -> None:
        text = "".join(f"{digest}  {name}\n" for name, digest in sorted(self._ledger.items()))
        draft = self.path / f"{LEDGER}.{os.getpid()}.draft"
        try:
            draft.write_text(text, encoding="utf-8")
            draft.replace(self.path / LEDGER)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise _failure(self.path, "write", error) from error


def envelope(event: RecordedEvent) -> str:
    """The text of a fixture file."""
    document: dict[str, object] = {"lambda_rollback": int(events.FORMAT)}
    known = (("function", event.function), ("version", event.version), ("time", event.time))
    document["recorded"] = {key: value for key, value in known if value} | {"source": event.source}
    context: dict[str, object] = {}
    if isinstance(event.client_context, dict):
        context["client_context"] = event.client_context
    if isinstance(event.identity, dict):
        context["identity"] = {
            key: event.identity[key]
            for key in _IDENTITY_KEYS
            if isinstance(event.identity.get(key), str)
        }
    if context:
        document["context"] = context
    document["event"] = event.event
    if event.downstream:
        document["downstream"] = event.downstream
    return json_texts.text_of(document) + "\n"


def _safe(name: str) -> str:
    """Lower-case letters, digits and hyphens: a file name on every system."""
    words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return words[:_MAX_NAME_CHARS].rstrip("-") or "event"


def _ledger(path: Path) -> Iterator[tuple[str, str]]:
    """(name, digest) of each line."""
    if path.is_file():
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            digest, _, name = line.partition("  ")
            if name:
                yield name, digest


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _failure(path: Path, how: str, error: OSError) -> ConfigError:
    return ConfigError(
        f"could not {how} fixtures in {path}",
        why=error.strerror or type(error).__name__,
        do="Check that it is a folder, its permissions and the free disk space",
    )
