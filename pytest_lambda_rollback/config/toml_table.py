"""A TOML table that can only be read with types, so that every mistake has its key in the message.

It turns the content of a configuration file into Python values or into a ConfigError that
names the file, the dotted key, the value found and the one expected. It knows TOML and nothing
of functions, versions or events: what the keys mean is decided in `config` and `versions`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path

from pytest_lambda_rollback.errors import ConfigError
from pytest_lambda_rollback.model.text import nearest

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+(\[\d+\])?")
_TOO_LONG = 60


def dotted(key: Iterable[str]) -> str:
    """A key as TOML spells it: ``functions.orders.versions."$LATEST"``."""
    return ".".join(part if _BARE_KEY.fullmatch(part) else f'"{part}"' for part in key)


def kind(value: object) -> str:
    """The type of a TOML value in TOML's words, with its article."""
    match value:
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a float"
        case str():
            return "a string"
        case datetime():
            return "a date-time"
        case date():
            return "a date"
        case time():
            return "a time"
        case list():
            return "an array"
    return "a table"


def described(value: object) -> str:
    """A TOML value for a message: its type, and the value itself if it is short."""
    if isinstance(value, list | dict):
        return kind(value) if value else f"{kind(value)} with nothing in it"
    text = f'"{value}"' if isinstance(value, str) else str(value)
    text = text.lower() if isinstance(value, bool) else text
    return f"{kind(value)} ({text if len(text) <= _TOO_LONG else text[:_TOO_LONG] + '…'})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table of a configuration file, with its place.

    ``file`` is how messages name the file, ``key`` the path of the table in it. The options of
    the command line are read as such a table too, with ``--lambda-rollback-`` for the ``file``
    and nothing for the ``joint``. Readers take the name of a member; all raise ConfigError.
    """

    file: str
    key: tuple[str, ...] = ()
    values: Mapping[str, object]
    joint: str = ": "

    def at(self, name: str | None = None) -> str:
        """The start of a message: the file and the dotted key."""
        key = self.key if name is None else (*self.key, name)
        return f"{self.file}{self.joint}{dotted(key)}" if key else self.file

    def wrong(self, name: str, expected: str, *, do: str = "") -> ConfigError:
        """The error for a member that is not what it must be."""
        found = described(self.values[name])
        return ConfigError(f"{self.at(name)} is {found}, expected {expected}", do=do)

    def only(self, known: Collection[str], *, noun: str = "key") -> None:
        """Refuse every member whose name is not among ``known``."""
        for name in self.values:
            if name in known:
                continue
            near = nearest(name, known)
            guess = f'Did you mean "{near}"? ' if near else ""
            where = dotted(self.key) if self.key else "the file"
            raise ConfigError(
                f'{self.file}: unknown {noun} "{name}" in {where}',
                do=f"{guess}Known {noun}s are {', '.join(sorted(known))}",
            )

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def _required(self, name: str, expected: str, do: str) -> None:
        if name not in self.values:
            raise ConfigError(
                f"{self.at(name)} is missing", why=f"expected {expected}", do=do or "Add it"
            )

    def string(self, name: str, default: str | None = None, *, do: str = "") -> str:
        """A string with something in it."""
        if default is not None and name not in self.values:
            return default
        self._required(name, "a string", do)
        value = self.values[name]
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(name, "a string that is not empty", do=do)
        return value

    def choice(self, name: str, choices: Collection[str], default: str) -> str:
        """One of some words."""
        value = self.string(name, default)
        if value not in choices:
            near = nearest(value, choices)
            do = f'Did you mean "{near}"?' if near else ""
            raise self.wrong(name, f"one of {', '.join(choices)}", do=do)
        return value

    def integer(self, name: str, default: int, *, low: int, high: int | None = None) -> int:
        """A whole number from ``low`` to ``high``, both included."""
        value = self.values.get(name, default)
        fits = isinstance(value, int) and not isinstance(value, bool)
        if not fits or value < low or (high is not None and value > high):  # type: ignore[operator]
            upto = f"from {low} to {high}" if high is not None else f"of at least {low}"
            raise self.wrong(name, f"a whole number {upto}")
        return value  # type: ignore[return-value]

    def number(self, name: str, default: float, *, low: float, high: float) -> float:
        """A number from ``low`` to ``high``, both included."""
        value = self.values.get(name, default)
        if (
            not isinstance(value, int | float)
            or isinstance(value, bool)
            or not low <= value <= high
        ):
            raise self.wrong(name, f"a number from {low:g} to {high:g}")
        return float(value)

    def strings(self, name: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """An array of strings, none of them empty."""
        if name not in self.values:
            return default
        value = self.values[name]
        if not isinstance(value, list):
            raise self.wrong(name, "an array of strings")
        for index, item in enumerate(value):
            if not isinstance(item, str) or not item.strip():
                raise ConfigError(
                    f"{self.at(name)}[{index}] is {described(item)}, "
                    "expected a string that is not empty"
                )
        return tuple(value)

    def day(self, name: str) -> date:
        """A TOML local date, which is written without quotes."""
        form = f"Write it without quotes and without a time, as in {name} = 2027-01-31"
        self._required(name, "a date", form)
        value = self.values[name]
        if not isinstance(value, date) or isinstance(value, datetime):
            raise self.wrong(name, "a TOML date", do=form)
        return value

    def table(self, name: str, *, required: bool = False, do: str = "") -> Table:
        """A table; an empty one where it may be left out and is."""
        if required:
            self._required(name, "a table", do)
        value = self.values.get(name, {})
        if not isinstance(value, dict):
            raise self.wrong(name, "a table", do=do)
        return Table(file=self.file, key=(*self.key, name), values=value)

    def tables(self, name: str, *, do: str = "") -> tuple[Table, ...]:
        """An array of tables, each with its index in its key."""
        value = self.values.get(name, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.wrong(name, "an array of tables", do=do)
        return tuple(
            Table(file=self.file, key=(*self.key, f"{name}[{i}]"), values=item)
            for i, item in enumerate(value)
        )


def read(path: Path, shown: str) -> Table:
    """The whole file as a table; ``shown`` is how messages name it. Raises ConfigError."""
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise ConfigError(
            f"{shown} cannot be read",
            why=error.strerror or str(error),
            do="Check that it exists and that its permissions allow reading",
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{shown} is not UTF-8 text",
            why=f"byte {error.start} cannot be decoded",
            do="Save it as UTF-8, which TOML requires",
        ) from error
    try:
        return Table(file=shown, key=(), values=tomllib.loads(text.removeprefix("\ufeff")))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(
            f"{shown} is not valid TOML", why=str(error), do="Correct the file at that place"
        ) from error
