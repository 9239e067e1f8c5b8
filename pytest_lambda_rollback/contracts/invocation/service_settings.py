"""Lines of configuration that give replays a service which they lack.

What is said depends on the service: AWS has a private one, HTTP has recorded answers, and all else
has doors to a service that the user runs. A door needs a name.
"""

from __future__ import annotations

import importlib.util
import re

_AWS = re.compile(r"\.(?:amazonaws\.com(?:\.cn)?|api\.aws)$|^the AWS operation ")
_NOT_AWS = re.compile(
    r"\.(?:execute-api|appsync-api|elb|es|rds|redshift|cache|memorydb|docdb|neptune|kafka|mq)\."
)
"""Hosts below AWS's domains that a user's own service answers at."""
_HOST = re.compile(r"[\w.-]+")
_HOST_AND_PORT = re.compile(r"[\w.-]+:(?P<port>\d+)")
_ADDRESS = re.compile(r"(?:\d+\.){3}\d+(?::(?P<port>\d+))?|\[[\da-fA-F:.]+\](?::(?P<port6>\d+))?")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")

EXTRA = 'pip install "pytest-lambda-rollback[state]"'
DO_WITHOUT = (
    "Use an event that does not make this call, or turn the call off with an environment variable "
    "of the version"
)


def table(function: str) -> str:
    """``[functions.orders.services]``."""
    key = function if _BARE_KEY.fullmatch(function) else f'"{function}"'
    return f"[functions.{key}.services]"


def record(function: str, *, allow: str = "") -> str:
    """The command that records what services answer to a function's current version."""
    source = f"--allow {allow}" if allow else "--profile NAME"
    return f"`lambda-rollback record {function} --downstream {source}`"


def with_extra(text: str) -> str:
    """A way that needs the extra, with the command that installs it where it is missing."""
    if importlib.util.find_spec("moto") is not None:
        return text
    return f"{text} (it needs {EXTRA})"


def way_to(service: str | None, function: str) -> str:
    """What to do about a service that no replay reaches, one or two sentences without a full stop.

    ``service`` is a host, with a port unless it is HTTP's; ``None`` if nothing names it.
    """
    service = service or ""
    if _AWS.search(service) and not _NOT_AWS.search(service):
        way = with_extra(
            f"Give it a private AWS: aws = {{}} under {table(function)}, with a template or a seed "
            "that has what the function uses"
        )
    elif (address := _ADDRESS.fullmatch(service)) is not None:
        port = address["port"] or address["port6"] or "443"
        way = (
            "Doors need names: have the function use a name in place of the address, and add "
            f'"NAME:{port}" = "127.0.0.1:{port}" under {table(function)}'
        )
    elif (host := _HOST_AND_PORT.fullmatch(service)) is not None:
        way = (
            f'Open a door to a service that you run: "{service}" = "127.0.0.1:{host["port"]}" '
            f"under {table(function)}"
        )
    elif _HOST.fullmatch(service):
        way = with_extra(f"Record its answers with {record(function, allow=service)}")
    else:
        return DO_WITHOUT
    return f"{way}. Or use an event that does not make this call"
