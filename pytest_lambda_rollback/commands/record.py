"""``lambda-rollback record``: event fixtures from what a function received, without secrets."""

from __future__ import annotations

import os
import re
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytest_lambda_rollback.aws_lambda.names import function_name_of
from pytest_lambda_rollback.commands import configurations
from pytest_lambda_rollback.commands.configurations import say
from pytest_lambda_rollback.commands.event_origins import known_origins
from pytest_lambda_rollback.config import files as config
from pytest_lambda_rollback.errors import ConfigError
from pytest_lambda_rollback.hookspecs import console_plugins
from pytest_lambda_rollback.model.published import AwsSource
from pytest_lambda_rollback.model.settings import FunctionSettings, Redact, Settings
from pytest_lambda_rollback.model.text import counted
from pytest_lambda_rollback.recording.origins import registry
from pytest_lambda_rollback.recording.origins.interface import OriginRequest
from pytest_lambda_rollback.recording.recorder import HANDLER, layer_zip
from pytest_lambda_rollback.recording.run import (
    RecordOptions,
    RecordReport,
    ShapeReport,
    record_function,
)
from pytest_lambda_rollback.redaction.checking import check, fixtures
from pytest_lambda_rollback.redaction.key_file import read_key
from pytest_lambda_rollback.redaction.redactor import Redactor
from pytest_lambda_rollback.session import plug_points
from pytest_lambda_rollback.sources.aws import AwsFunctions

_SPAN = re.compile(r"(?P<number>[0-9]+(\.[0-9]+)?)(?P<unit>[smhd])")
_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def run(arguments: Namespace) -> int:
    """Record, check fixtures or write the recorder layer; 1 for failures and leaks."""
    if arguments.layer:
        return _write_layer(Path(arguments.layer))
    if arguments.check:
        return _check(arguments)
    if not arguments.downstream:
        _refuse_downstream_options(arguments)
    if len(arguments.names) != 1:
        raise ConfigError(
            f"expected one function, got {len(arguments.names)}",
            do="Run `lambda-rollback record FUNCTION`",
        )
    if arguments.downstream:
        # It loads engines and services, which recording events does without.
        from pytest_lambda_rollback.commands import record_downstream

        return record_downstream.run(arguments)
    origins = arguments.origins or (registry.DEFAULT,)
    known = known_origins()
    kinds = [registry.type_of(text, known) for text in origins]
    functions = AwsFunctions(
        offline=False,
        progress=configurations.progress,
        only=arguments.names if any(kind.published for kind in kinds) else (),
    )
    settings, function = configurations.function_named(arguments, functions)
    request = OriginRequest(
        function=function,
        into=_folder(settings, function, arguments.into),
        since_s=_span(arguments.since),
        accept_risks=arguments.accept_risks,
    )
    options = RecordOptions(
        function=_aws_name(function),
        into=request.into,
        origins=tuple(registry.origin_of(text, known, request) for text in origins),
        per_shape=arguments.per_shape,
        max_events=arguments.max_events,
        max_s=arguments.max_s,
        remove_stale=arguments.remove_stale,
    )
    report = record_function(
        options,
        clients=_LazyAccount(functions, function.source),
        redactor=Redactor(configurations.redaction_rules(settings.redact), read_key(os.environ)),
        progress=configurations.progress,
        event_sources=plug_points.event_sources(console_plugins().hook),
    )
    _show(report, from_logs=registry.DEFAULT in [kind.name for kind in kinds])
    if report.written and function.source is None:
        _show_next(settings.path, function.name, request.into)
    nothing = not report.events and not report.existing
    return 1 if report.failed or nothing else 0


class _LazyAccount:
    """The function's account, opened only if an origin is in AWS."""

    def __init__(self, functions: AwsFunctions, source: AwsSource | None) -> None:
        self._functions = functions
        self._source = source

    def client(self, service: str) -> Any:
        return self._functions.account(self._source or AwsSource(function_name="none")).client(
            service
        )


# --- arguments -----------------------------------------------------------------


def _aws_name(function: FunctionSettings) -> str:
    if function.source is None:
        return function.name
    return function_name_of(function.source.function_name)


def _folder(settings: Settings, function: FunctionSettings, into: str | None) -> Path:
    if into:
        return Path(into).absolute()
    return function.events_root or settings.path.parent / "events" / function.name


def _span(text: str) -> float:
    match = _SPAN.fullmatch(text)
    if match is None:
        raise ConfigError(
            f'--since is "{text}", which is not a time span',
            do="Write a number and a unit, as in 12h or 7d",
        )
    return float(match["number"]) * _UNITS_S[match["unit"]]


def _refuse_downstream_options(arguments: Namespace) -> None:
    for option in ("allow", "pass_env", "profile", "event"):
        if getattr(arguments, option):
            name = option.replace("_", "-")
            raise ConfigError(
                f"--{name} is an option of --downstream",
                do="Add --downstream, or omit it",
            )


# --- checking, and the layer ----------------------------------------------------------------


def _check(arguments: Namespace) -> int:
    """Look for secrets and personal data in fixtures; 1 if there are any."""
    functions = AwsFunctions(offline=True, progress=configurations.progress)
    redact = Redact()
    paths: Sequence[Path] = [Path(name) for name in arguments.names]
    for path in paths:
        if not path.exists():
            raise ConfigError(f"{path} does not exist", do="Name a fixture or a folder of fixtures")
    loaded: tuple[Settings, ...] = ()
    try:
        loaded = configurations.load(configurations.named_files(arguments.config), functions)
    except ConfigError:
        if not paths or arguments.config:
            raise
    for settings in loaded:
        redact = Redact(
            pointers=(*redact.pointers, *settings.redact.pointers),
            keys=(*redact.keys, *settings.redact.keys),
            keep=(*redact.keep, *settings.redact.keep),
        )
    if not paths:
        paths = [path for each in loaded for function in each.functions for path in function.events]
    files = tuple(fixtures(paths))
    if not files:
        say("nothing to check: there are no fixtures")
        return 1
    rules, leaks, unread = configurations.redaction_rules(redact), 0, 0
    for file in files:
        try:
            found = check([file], rules)
        except ConfigError as error:
            unread += 1
            say(f"UNREAD  {file}: {error.why}")
            continue
        leaks += len(found)
        for leak in found:
            say(f"LEAK    {leak.path} {leak.pointer}: {leak.detector} {leak.shown}")
    checked = counted(len(files) - unread, "fixture")
    if leaks:
        say(
            f"{counted(leaks, 'value')} in {checked} may be secrets or personal data. Record "
            "the events again, or remove the values; list harmless ones under redact.keep"
        )
    else:
        say(f"no secrets or personal data found in {checked}")
    if unread:
        say(f"{counted(unread, 'file')} could not be checked. Correct them, or record them again")
    return 1 if leaks or unread else 0


def _write_layer(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(layer_zip())
    except OSError as error:
        raise ConfigError(f"could not write {path}", why=error.strerror or str(error)) from error
    say(f"wrote the recorder layer to {path}")
    say(
        f"Publish it, add it to the function, set the function's handler to {HANDLER} and "
        "LAMBDA_ROLLBACK_HANDLER to its previous handler"
    )
    return 0


# --- output --------------------------------------------------------------------------


def _show(report: RecordReport, *, from_logs: bool) -> None:
    say(f"{report.function}: {_answer(report, from_logs=from_logs)}")
    for shape in report.new:
        say(f"new     {', '.join(shape.fixtures)}: {counted(shape.seen, 'event')} {_of(shape)}")
    for shape in report.known:
        say(f"known   {', '.join(shape.fixtures)}: {counted(shape.seen, 'event')} {_of(shape)}")
    for name in report.added:
        say(f"added   {name}")
    for name in report.removed:
        say(f"removed {name}: its shape was not seen")
    for name in report.stale:
        say(f"stale   {name}: its shape was not seen")
    if report.stale:
        say("        --remove-stale removes those that were recorded and not edited since")
    for reason, number in report.skipped:
        say(f"skipped {number:,}: {reason}")
    read = " and ".join(
        f"{counted(number, 'event')} from {origin}" for origin, number in report.read
    )
    say(f"read    {read}")
    if report.replaced and (report.written or report.added):
        kinds = ", ".join(f"{detector} {number:,}" for detector, number in report.replaced)
        values = sum(number for _, number in report.replaced)
        say(f"replaced {counted(values, 'value')} with pseudonyms: {kinds}")
    for note in report.notes:
        say(f"note: {note}")
    for reason in report.failed:
        say(f"FAILED  {reason}")


def _show_next(config_path: Path, function: str, into: Path) -> None:
    """Name the line that the configuration needs before pytest can use the fixtures."""
    if not config.names_events(config_path, function):
        folder = Path(os.path.relpath(into, config_path.parent)).as_posix()
        say(f'next    add events = "{folder}" to functions.{function} in {_shown(config_path)}')


def _answer(report: RecordReport, *, from_logs: bool) -> str:
    """The result in one line."""
    folder = _shown(report.into)
    if not report.events:
        return "no events found. " + (
            "Let the function log its events, add the recorder with "
            "`lambda-rollback record --layer recorder.zip`, or name another origin with --from"
            if from_logs
            else "Name another origin with --from, or omit it to read the function's log"
        )
    read = counted(report.events, "event")
    if not report.written:
        return f"nothing new in {read}: {folder} has a fixture for every shape"
    written = f"{counted(len(report.written), 'fixture')} written to {folder}"
    if not report.new:
        return f"{written} for known shapes, {read} read"
    return f"{written}, {counted(len(report.new), 'new shape')} in {read}"


def _of(shape: ShapeReport) -> str:
    return f"of shape {shape.shape}"


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
