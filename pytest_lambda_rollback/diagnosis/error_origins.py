"""Hints in an error at its origin: modules and files that its message names, names in quotes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_lambda_rollback.aws_lambda.stack_traces import frames
from pytest_lambda_rollback.model.replay import FunctionError

_NAMED = tuple(
    re.compile(pattern)
    for pattern in (
        r"No module named '(?P<module>[\w.]+)'",
        r"No module named (?P<module>[\w.]+)",
        r"cannot import name '\w+' from (?:partially initialized module )?'(?P<module>[\w.]+)'",
        r"(?:partially initialized )?module '(?P<module>[\w.]+)' has no attribute '\w+'",
        r"Cannot find (?:module|package) '(?P<module>[@\w][^']*)'",
    )
)
_MISSING = re.compile(
    r"(?:No module named |Cannot find (?:module|package) )'?(?P<module>[@\w./-]+)"
)
_NAMES_MISSING = tuple(
    re.compile(pattern)
    for pattern in (
        r"cannot import name '(?P<name>\w+)' from '(?P<module>[\w.]+)'",
        r"^module '(?P<module>[\w.]+)' has no attribute '(?P<name>\w+)'",
    )
)
_NAME_QUOTED = re.compile(r"'([A-Za-z_][\w.]*)'")
_PATH = re.compile(r"/(?:opt|var/task)/[\w./@+-]+\w")
_ENVIRON = re.compile(r"(?:^<frozen os>|/os\.py)$")


def modules_named(error: FunctionError) -> tuple[str, ...]:
    """Modules that the message says are missing, or lack something."""
    return tuple(dict.fromkeys(_modules(error.message)))


def module_missing(error: FunctionError) -> str | None:
    """The module that is missing entirely, by the message."""
    match = _MISSING.search(error.message)
    return match["module"].rstrip(".") if match else None


def name_missing(error: FunctionError) -> str | None:
    """The module, or the name in a module, that is missing by the message, dotted."""
    for pattern in _NAMES_MISSING:
        match = pattern.search(error.message)
        if match is not None:
            return f"{match['module']}.{match['name']}"
    return module_missing(error)


def files_named(error: FunctionError) -> tuple[str, ...]:
    """Files in code and layers that the message names."""
    return tuple(dict.fromkeys(_PATH.findall(error.message)))


def gist(error: FunctionError) -> tuple[str, ...]:
    """The type and the names in quotes of an error: what stays when values vary."""
    return error.type, *_NAME_QUOTED.findall(error.message)


def from_environment(error: FunctionError) -> bool:
    """True if an environment variable was asked for, and not a key of some mapping."""
    innermost = next(iter(frames(error.stack_trace)), None)
    return innermost is not None and _ENVIRON.search(innermost.file) is not None


def _modules(message: str) -> Iterator[str]:
    for pattern in _NAMED:
        for match in pattern.finditer(message):
            yield match["module"].rstrip(".")
