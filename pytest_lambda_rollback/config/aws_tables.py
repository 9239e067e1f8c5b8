"""The ``aws``, ``discover``, ``store`` and ``redact`` tables of a configuration file.

It reads tables and calls no account: AWS's answers reach `config` through `PublishedFunctions`,
which it defines here and which the AWS source implements. Raises ConfigError.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pytest_lambda_rollback.aws_lambda.names import FUNCTION_ARN, FUNCTION_NAME, ROLE_ARN
from pytest_lambda_rollback.config.function_keys import region_of
from pytest_lambda_rollback.config.paths import absolute
from pytest_lambda_rollback.config.toml_table import Table
from pytest_lambda_rollback.errors import ConfigError, RollbackError
from pytest_lambda_rollback.model.builds import Build
from pytest_lambda_rollback.model.published import (
    AwsSource,
    Discovery,
    Environment,
    PublishedFunction,
)
from pytest_lambda_rollback.model.services import TemplateResources
from pytest_lambda_rollback.model.settings import Redact, Store

STORE_FOLDER = ".lambda-rollback"

_ACCOUNT_KEYS = ("region", "profile", "role_arn", "environment")
_SOURCE_KEYS = ("function_name", *_ACCOUNT_KEYS)
_DISCOVERY_KEYS = ("prefix", "tags", "stack", *_ACCOUNT_KEYS)
_QUALIFIED = re.compile(r"(?P<name>.*[A-Za-z0-9_-]):(?P<qualifier>\$LATEST|[A-Za-z0-9_-]+)")
_BUCKET = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?")


class PublishedFunctions(Protocol):
    """The answers that a configuration needs from AWS, the archive and builds."""

    def read(
        self, asked: Sequence[tuple[str, AwsSource]], store: Store
    ) -> Mapping[str, PublishedFunction | RollbackError]:
        """The known facts of each function, by its name in the configuration."""
        ...

    def discover(self, discovery: Discovery, store: Store) -> tuple[tuple[str, AwsSource], ...]:
        """The functions that a ``discover`` entry selects, sorted. Raises RollbackError."""
        ...

    def build(
        self,
        path: Path,
        *,
        function: str,
        aws_name: str | None,
        region: str | None,
        account: str | None,
    ) -> Build:
        """A build's own settings of a function. Raises RollbackError."""
        ...

    def stateful(self, template: Path) -> TemplateResources:
        """What a template has that stores something. Raises RollbackError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsDefaults:
    """The top level's settings for every AWS source of the file."""

    region: str | None = None
    profile: str | None = None
    role_arn: str | None = None
    environment: Environment = Environment.PLACEHOLDER


def defaults_of(root: Table) -> AwsDefaults:
    """The file's own ``aws`` table, with its ``region`` where that table says none."""
    table = root.table("aws")
    table.only(_ACCOUNT_KEYS)
    return _account(table, AwsDefaults(region=region_of(root)))


def source_of(table: Table, defaults: AwsDefaults) -> AwsSource | None:
    """A function's ``aws``: a table, or only the name; ``None`` if it has none."""
    if "aws" not in table:
        return None
    said = table
    key = "aws"
    if isinstance(table.values["aws"], dict):
        said = table.table("aws")
        said.only(_SOURCE_KEYS)
        key = "function_name"
    name = said.string(key, do='Name the function, as in aws = { function_name = "orders" }')
    _check_name(said, key, name)
    account = _account(said, defaults) if said is not table else defaults
    return AwsSource(
        function_name=name,
        region=account.region,
        profile=account.profile,
        role_arn=account.role_arn,
        environment=account.environment,
    )


def discovery_of(table: Table, name: str, defaults: AwsDefaults) -> Discovery:
    """The ``aws`` table of a ``discover`` entry."""
    example = 'Select the functions, as in aws = { prefix = "shop-" }'
    if not FUNCTION_NAME.fullmatch(name):
        raise ConfigError(
            f"{table.at()} is not a valid name for a discovery of functions",
            why="the archive names a file after it",
            do="Use 1 to 64 letters, digits, - and _",
        )
    said = table.table("aws", required=True, do=example)
    said.only(_DISCOVERY_KEYS)
    if not any(key in said for key in ("prefix", "tags", "stack")):
        raise ConfigError(
            f"{said.at()} sets none of prefix, tags and stack",
            why="it would select every function in the account",
            do=example,
        )
    account = _account(said, defaults)
    tags = said.table("tags")
    for key, value in tags.values.items():
        if not isinstance(value, str):
            raise tags.wrong(key, "a string, empty for any value")
    return Discovery(
        name=name,
        prefix=said.string("prefix") if "prefix" in said else None,
        tags=tuple(sorted((key, str(value)) for key, value in tags.values.items())),
        stack=said.string("stack") if "stack" in said else None,
        region=account.region,
        profile=account.profile,
        role_arn=account.role_arn,
        environment=account.environment,
    )


def store_of(root: Table, base: Path) -> Store:
    """The archive's place: beside the file, unless it says otherwise."""
    if isinstance(root.values.get("store"), dict):
        table = root.table("store")
        table.only(("path", "s3"))
        path = table.string("path", STORE_FOLDER)
        bucket = table.string("s3") if "s3" in table else None
        if bucket is not None and not _BUCKET.fullmatch(bucket):
            raise table.wrong("s3", 'a bucket and a prefix, as in "s3://my-bucket/lambda-rollback"')
    else:
        path, bucket = root.string("store", STORE_FOLDER), None
    return Store(path=absolute(Path(path).expanduser(), base), bucket=bucket)


def redact_of(root: Table) -> Redact:
    """Values that recordings must never hold, beyond those that are always redacted."""
    table = root.table("redact")
    table.only(("pointers", "keys", "keep"))
    for name in ("pointers", "keep"):
        for index, pointer in enumerate(table.strings(name)):
            if not pointer.startswith("/"):
                raise ConfigError(
                    f'{table.at(name)}[{index}] is "{pointer}", expected a JSON Pointer',
                    do='Begin it with a slash, as in "/customer/name"; * is any one key or index',
                )
    return Redact(
        pointers=table.strings("pointers"), keys=table.strings("keys"), keep=table.strings("keep")
    )


def overrides_of(table: Table) -> tuple[tuple[str, str], ...]:
    """A function's own ``environment`` values, for every version that AWS has. Never shown."""
    variables = table.table("environment")
    for name, value in variables.values.items():
        if not isinstance(value, str):
            raise ConfigError(f"{variables.at(name)} is not a string", do="Put the value in quotes")
    return tuple(sorted((name, str(value)) for name, value in variables.values.items()))


def _account(table: Table, defaults: AwsDefaults) -> AwsDefaults:
    role = table.string("role_arn") if "role_arn" in table else None
    if role is not None and not ROLE_ARN.fullmatch(role):
        raise table.wrong("role_arn", "the ARN of an IAM role")
    return AwsDefaults(
        region=region_of(table) or defaults.region,
        profile=table.string("profile") if "profile" in table else defaults.profile,
        role_arn=role or defaults.role_arn,
        environment=Environment(
            table.choice("environment", tuple(Environment), defaults.environment)
        ),
    )


def _check_name(table: Table, key: str, name: str) -> None:
    if FUNCTION_NAME.fullmatch(name) or FUNCTION_ARN.fullmatch(name):
        return
    qualified = _QUALIFIED.fullmatch(name)
    if qualified:
        raise ConfigError(
            f'{table.at(key)} is "{name}", which includes a version or alias',
            why="all versions of the function are used",
            do=f'Write "{qualified["name"]}", and current = "{qualified["qualifier"]}"',
        )
    raise table.wrong(key, "the name of a Lambda function, or its ARN without a version")
