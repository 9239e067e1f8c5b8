"""The ``discover`` entries of a configuration file: functions that are found in AWS."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pytest_lambda_rollback.aws_lambda.names import function_name_of, region_of
from pytest_lambda_rollback.config.aws_tables import AwsDefaults, discovery_of
from pytest_lambda_rollback.config.function_tables import (
    PUBLISHED_KEYS,
    USUAL_EVENTS,
    FunctionTable,
    TableReader,
    check_references,
    strategies,
)
from pytest_lambda_rollback.config.resolution import TARGET_KEYS
from pytest_lambda_rollback.config.toml_table import Table
from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.model.published import AwsSource, Discovery
from pytest_lambda_rollback.model.settings import FunctionSettings
from pytest_lambda_rollback.model.text import listed

_DISCOVER_KEYS = tuple(key for key in PUBLISHED_KEYS if key != "accept")


def discovered(
    entries: Table,
    defaults: AwsDefaults,
    declared: Sequence[FunctionTable],
    *,
    reader: TableReader,
    find: Callable[[Discovery], Sequence[tuple[str, AwsSource]]],
) -> tuple[list[FunctionTable], list[FunctionSettings]]:
    """The functions that ``discover`` entries find and the file does not declare itself.

    ``find`` asks AWS or the archive, once all entries were read; it raises SourceError. The
    second value has one entry for each that found nothing, with the reason. Raises ConfigError.
    """
    taken = {each.name for each in declared}
    in_aws = {each.name for each in declared if each.source is not None}
    sources = [each.source for each in declared if each.source is not None]
    found: list[FunctionTable] = []
    failed: list[FunctionSettings] = []
    read = []
    for name in entries.values:
        entry = entries.table(name)
        entry.only(_DISCOVER_KEYS)
        check_references(entry, target_keys=TARGET_KEYS)
        strategies(entry, "strategies")
        entry.string("events", USUAL_EVENTS)
        read.append((entry, discovery_of(entry, name, defaults)))
    for entry, discovery in read:
        name = discovery.name
        try:
            functions = find(discovery)
        except SourceError as error:
            failed.append(FunctionSettings(name=name, current=None, reason=str(error)))
            continue
        if not functions:
            reason = f"{entry.at()} found no function. Correct its conditions or its region"
            failed.append(FunctionSettings(name=name, current=None, reason=reason))
        new = [(f, s) for f, s in functions if not any(_is_one(s, each) for each in sources)]
        # One that is declared in folders is meant by its name, whatever AWS has.
        if homonyms := [function for function, _ in new if function in in_aws]:
            reason = (
                f"{entry.at()} found {listed(homonyms)}, and another function here has "
                "that name. Rename the other one, as in functions.NAME.aws"
            )
            failed.append(FunctionSettings(name=name, current=None, reason=reason))
        for function, source in new:
            if function in taken:
                continue
            taken.add(function)
            in_aws.add(function)
            sources.append(source)
            found.append(reader.discovered(entry, function, source))
    return found, failed


def _is_one(one: AwsSource, other: AwsSource) -> bool:
    """True if both are one function in AWS, as far as the configuration states."""

    def name_and_region(source: AwsSource) -> tuple[str, str | None]:
        return function_name_of(source.function_name), (
            region_of(source.function_name) or source.region
        )

    (name, region), (other_name, other_region) = name_and_region(one), name_and_region(other)
    near = region is None or other_region is None or region == other_region
    account = (one.profile, one.role_arn) == (other.profile, other.role_arn)
    return name == other_name and near and account
