"""The key for pseudonyms: from the environment, or from a file created at first use.

With the key, one can test whether a pseudonym replaces a guessed value. So it stays with its user:
it is never shown, and a file that others can read is refused.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pytest_lambda_rollback.errors import ConfigError

VARIABLE: Final = "LAMBDA_ROLLBACK_PSEUDONYM_KEY"
"""The same text for everybody whose recordings must agree."""
KEY_BYTES: Final = 32
_LEAST_TEXT: Final = 16
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def key_path(environment: Mapping[str, str]) -> Path:
    """The path of the key's file, below ``XDG_CONFIG_HOME`` or ``~/.config``."""
    home = environment.get("XDG_CONFIG_HOME", "")
    folder = Path(home) if home.startswith("/") else Path.home() / ".config"
    return folder / "pytest-lambda-rollback" / "pseudonym.key"


def read_key(environment: Mapping[str, str]) -> bytes:
    """The user's key; creates the file if there is none. Raises ConfigError."""
    text = environment.get(VARIABLE)
    if text is not None:
        if len(text) < _LEAST_TEXT:
            raise ConfigError(
                f"{VARIABLE} is too short",
                why=f"it has {len(text)} characters, and a key needs at least {_LEAST_TEXT}",
                do=f"Set it to a long random string, or unset it to use {key_path(environment)}",
            )
        return text.encode("utf-8", "surrogateescape")
    path = key_path(environment)
    try:
        _make(path)
        return _content(path)
    except OSError as error:
        raise ConfigError(
            f"could not use the pseudonym key {path}",
            why=error.strerror or str(error),
            do=f"Make that folder writable, or set {VARIABLE}",
        ) from error


def _make(path: Path) -> None:
    """Write a new key if there is none; of two concurrent writers, one wins."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(os.urandom(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
    finally:
        draft.unlink()


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if mode & _OTHERS:
            raise ConfigError(
                f"other users can read the pseudonym key {path}",
                why=f"its mode is {stat.S_IMODE(mode):04o} and must be 0600",
                do=f"Run chmod 600 {path}, or delete it to create a new one",
            )
        content = file.read(KEY_BYTES + 1)
    if len(content) != KEY_BYTES:
        raise ConfigError(
            f"the pseudonym key {path} is damaged",
            why=f"it is not {KEY_BYTES} bytes long",
            do="Restore it, or delete it to create a new one; pseudonyms will then change once",
        )
    return content
