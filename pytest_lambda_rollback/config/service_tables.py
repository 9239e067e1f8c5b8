"""The ``services`` table of a function: what its replays may reach.

    [functions.orders.services]
    aws = { seed = "seed.py", template = "template.yaml", data = ["data"] }
    http = true
    openapi = { "api.example.com" = "openapi.yaml" }
    "db.internal:5432" = "127.0.0.1:55432"
    "cache.internal:6379" = { address = "127.0.0.1:6380", reset = "redis-cli -p 6380 flushall" }
    "search.internal:9200" = { fixture = "search_address" }

It knows paths and addresses; what is behind them is not asked. Raises ConfigError; SourceError for
a template that cannot be read.
"""

from __future__ import annotations

import importlib.util
import ipaddress
import re
from collections.abc import Callable
from pathlib import Path

from pytest_lambda_rollback.config.paths import located
from pytest_lambda_rollback.config.toml_table import Table
from pytest_lambda_rollback.errors import ConfigError, RollbackError
from pytest_lambda_rollback.model.builds import Build
from pytest_lambda_rollback.model.services import Door, TemplateResources
from pytest_lambda_rollback.model.settings import AwsService, DoorService, ServiceSettings
from pytest_lambda_rollback.model.text import nearest

Templates = Callable[[Path], TemplateResources]
"""Reads what a private AWS is to create of a template; raises RollbackError."""

TEMPLATE_NAMES = ("template.yaml", "template.yml", "template.json")
"""Templates that are looked for beside a configuration file."""

_KEYS = ("aws", "http", "openapi")
_AWS_KEYS = ("seed", "template", "data")
_DOOR_KEYS = ("address", "fixture", "reset")
_NAME = re.compile(r"(?=.{1,253}$)(?:\*\.)?[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?")
_CARRIER_PORTS = (53, 9001)
"""The name server's and the Runtime API's, inside."""


def services_of(
    table: Table, *, base: Path, templates: Templates | None, build: Build | None
) -> ServiceSettings:
    """The settings of a function's table; ``build`` is its candidate, if it has one.

    Without ``aws`` in it, a template that stores something makes a private AWS all the same.
    """
    said = table.table("services")
    aws: AwsService | None = None
    http = False
    openapi: tuple[tuple[str, Path], ...] = ()
    doors: list[DoorService] = []
    for name in said.values:
        if name == "aws":
            aws = _aws(said, base, templates, build)
        elif name == "http":
            if not isinstance(said.values["http"], bool):
                raise said.wrong(
                    "http", "true", do="Answers are in NAME.downstream.json beside the fixtures"
                )
            http = bool(said.values["http"])
        elif name == "openapi":
            openapi = _documents(said.table("openapi"), base)
        elif ":" in name:
            doors.append(_door_service(said, name))
        else:
            near = nearest(name, _KEYS)
            guess = f'Did you mean "{near}"? ' if near else ""
            raise ConfigError(
                f'{said.at()}: unknown key "{name}"',
                do=f"{guess}Known keys are {', '.join(_KEYS)} and services as "
                '"db.internal:5432" = "127.0.0.1:5432"',
            )
    if "aws" not in said:
        aws = _found(base, templates, build)
    return ServiceSettings(aws=aws, http=http, openapi=openapi, doors=tuple(doors))


def door_of(text: str, where: str) -> Door:
    """``db.internal:5432`` as a door. Raises ConfigError; ``where`` begins its message."""
    name, _, port = text.rpartition(":")
    name = name.lower().rstrip(".")
    number = int(port) if port.isascii() and port.isdigit() and len(port) <= 5 else 0
    if not 0 < number < 65536:
        raise ConfigError(
            f"{where} has no port from 1 to 65535", do='Write it like "db.internal:5432"'
        )
    if number in _CARRIER_PORTS and name == "localhost":
        raise ConfigError(
            f"{where} is taken inside every execution environment",
            why="the Runtime API or the name server is there",
        )
    if _is_address(name):
        raise ConfigError(
            f"{where} names an address",
            why="only names can lead out of an execution environment",
            do="Give the function a name for it, in a variable of its own for example",
        )
    if name != "*" and not _NAME.fullmatch(name):
        raise ConfigError(
            f"{where} is not a host's name with a port",
            do='Write it like "db.internal:5432" or "*.example.com:443"',
        )
    return Door(name=name, port=number)


def is_installed() -> bool:
    """True if what a private AWS is made of is installed: the extra ``state``. Imports nothing."""
    return all(importlib.util.find_spec(name) is not None for name in ("moto", "trustme"))


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def check_address(text: str, where: str) -> None:
    """Refuse what is not ``host:port``. Raises ConfigError."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ConfigError(
            f'{where} is "{text}", which is not host:port',
            do='Write where the service is reached from here, like "127.0.0.1:5432"',
        )


def _door_service(said: Table, name: str) -> DoorService:
    door = door_of(name, said.at(name))
    value = said.values[name]
    if isinstance(value, str):
        check_address(value, said.at(name))
        return DoorService(door=door, address=value)
    if not isinstance(value, dict):
        raise said.wrong(name, 'an address like "127.0.0.1:5432", or a table with one')
    own = said.table(name)
    own.only(_DOOR_KEYS)
    if "address" in own and "fixture" in own:
        raise ConfigError(
            f"{own.at('address')} and {own.at('fixture')} are mutually exclusive",
            do="Keep one of the two",
        )
    if "address" in own:
        check_address(own.string("address"), own.at("address"))
    return DoorService(
        door=door,
        address=own.string("address") if "address" in own else "",
        fixture=own.string("fixture") if "fixture" in own else "",
        reset=own.string("reset") if "reset" in own else "",
    )


def _documents(table: Table, base: Path) -> tuple[tuple[str, Path], ...]:
    return tuple(
        (
            host.lower(),
            located(table.string(host), base=base, where=table.at(host), make="write it first"),
        )
        for host in table.values
    )


def _aws(
    said: Table, base: Path, templates: Templates | None, build: Build | None
) -> AwsService | None:
    value = said.values["aws"]
    if value is False:
        return None
    if value is not True and not isinstance(value, dict):
        raise said.wrong("aws", 'true, or a table as in { seed = "seed.py" }')
    own = said.table("aws") if value is not True else Table(file=said.file, values={})
    own.only(_AWS_KEYS)
    seed = None
    if "seed" in own:
        seed = located(own.string("seed"), base=base, where=own.at("seed"), make="write it first")
        if not seed.is_file() or seed.suffix != ".py":
            raise own.wrong("seed", "a Python file that defines seed(session)")
    data = (own.string("data"),) if isinstance(own.values.get("data"), str) else own.strings("data")
    paths = tuple(
        path
        for text in data
        for path in _contents(located(text, base=base, where=own.at("data"), make="write it first"))
    )
    template: TemplateResources | None = None
    path: Path | None = None
    if own.values.get("template") is False:
        return AwsService(seed=seed, data=paths)
    if "template" in own:
        path = located(own.string("template"), base=base, where=own.at("template"))
        template = templates(path) if templates is not None else None
    else:
        found = _found(base, templates, build)
        if found is not None:
            template, path = found.template, Path(found.template_name)
    return AwsService(
        seed=seed,
        template=template,
        template_name=str(path) if path is not None else "",
        variables=build.computed_environment if build is not None else (),
        data=paths,
    )


def _contents(path: Path) -> tuple[Path, ...]:
    """A file of a table's items, or what a folder holds: such files, and a folder a bucket."""
    if path.is_file():
        return (path,)
    return tuple(
        each
        for each in sorted(path.iterdir())
        if not each.name.startswith(".") and (each.is_dir() or each.suffix == ".json")
    )


def _found(base: Path, templates: Templates | None, build: Build | None) -> AwsService | None:
    """A private AWS by a template that stores something: the candidate's, or beside the file."""
    if templates is None or not is_installed():
        return None
    path = build.template if build is not None else None
    if path is None:
        path = next((base / each for each in TEMPLATE_NAMES if (base / each).is_file()), None)
    if path is None:
        return None
    try:
        template = templates(path)
    except RollbackError:
        return None  # not ours to complain about: nobody named it
    if not template.resources:
        return None
    return AwsService(
        template=template,
        template_name=str(path),
        variables=build.computed_environment if build is not None else (),
        found=True,
    )
