"""The pytest side that is always loaded: option declarations, and nothing else.

Without ``--lambda-rollback`` nothing but pytest and pluggy is imported here. With it,
`pytest_run.active` registers what collects configuration files and runs checks.
"""

from __future__ import annotations

import os
from argparse import ArgumentTypeError

import pytest

from pytest_lambda_rollback import hookspecs

SWITCH = "--lambda-rollback"
MARKER = "lambda_rollback: a check of pytest-lambda-rollback (added to each check)"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare all options. `config` decides whether an option or the file counts."""
    group = parser.getgroup("lambda-rollback", "AWS Lambda rollback checks")
    option = group.addoption
    option(
        SWITCH,
        action="store_true",
        help="check that earlier versions of Lambda functions would still work: collect "
        "lambda-rollback.toml files and [tool.lambda-rollback] tables",
    )
    option(
        "--lambda-rollback-engine",
        metavar="ENGINE",
        help="how to run function versions: auto, docker, sandbox, process (not sealed), or an "
        "engine that a plugin adds (default: the file's 'engine', else auto)",
    )
    option(
        "--lambda-rollback-candidate",
        action="append",
        default=[],
        metavar="[FUNCTION=]PATH",
        help="check against a build that is not published yet in place of the current version: a "
        "folder, a .zip, .aws-sam/build, cdk.out, or a template with local code",
    )
    option(
        "--lambda-rollback-last",
        type=_positive,
        metavar="N",
        help="check the newest N versions before the current one, regardless of 'targets'",
    )
    option(
        "--lambda-rollback-strategy",
        action="append",
        choices=("alias", "redeploy"),
        default=[],
        help="check only this strategy (repeatable; default: the file's 'strategies')",
    )
    option(
        "--lambda-rollback-base-image",
        action="append",
        default=[],
        metavar="RUNTIME=IMAGE",
        help="base image for a runtime, for example python3.11=my/base:1 (repeatable)",
    )
    option(
        "--lambda-rollback-workers",
        type=_positive,
        metavar="N",
        help="images to build and environments to start in parallel (default: the file's "
        "'workers', else 2)",
    )
    option(
        "--lambda-rollback-coverage",
        action="store_true",
        help="replay each event once more and report which lines of the target's own code the "
        "events reached (Python runtimes)",
    )
    option(
        "--lambda-rollback-json",
        metavar="PATH",
        help="write the JSON report to this file",
    )
    option(
        "--lambda-rollback-offline",
        action="store_true",
        help="read functions in AWS from the archive only, without any request "
        "(fill it with `lambda-rollback sync`)",
    )
    option(
        "--lambda-rollback-no-cache",
        action="store_true",
        help="read every code and layer package again, even if it looks unchanged",
    )


def _positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise ArgumentTypeError(f"expected a whole number above 0, got {text!r}")
    return number


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Register the hooks by which other packages add engines and reports."""
    pluginmanager.add_hookspecs(hookspecs)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker always, everything else only where the plugin is switched on."""
    config.addinivalue_line("markers", MARKER)
    if config.getoption(SWITCH):
        _load_plugins(config)
        from pytest_lambda_rollback.pytest_run.active import activate

        activate(config, switch=SWITCH)
        return
    # Options in `addopts` wait for the switch; an option that was typed for this run was meant.
    for argument in config.invocation_params.args:
        if str(argument).startswith(f"{SWITCH}-"):  # it may be a path
            option = str(argument).partition("=")[0]
            raise pytest.UsageError(
                f"{option} was given without {SWITCH}, so nothing would be checked. "
                f"Add {SWITCH}, or leave {option} out."
            )


def _load_plugins(config: pytest.Config) -> None:
    """Load plugins that the console script shares, unless pytest is set not to autoload plugins."""
    if config.getoption("disable_plugin_autoload", False):
        return
    if os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
        return
    from pytest_lambda_rollback.errors import ConfigError

    try:
        hookspecs.load_plugins(config.pluginmanager)
    except ConfigError as error:
        raise pytest.UsageError(str(error)) from error
