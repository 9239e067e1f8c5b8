"""The console script: ``lambda-rollback sync``, ``record`` and ``clean``.

It parses arguments, loads the one command that was asked for, and turns errors into one line.
Exit codes: 0 done, 1 failures or findings, 2 wrong arguments or configuration.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from pytest_lambda_rollback import __version__
from pytest_lambda_rollback.errors import ConfigError, RollbackError

_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    parsed = _parser().parse_args(arguments)
    try:
        command = importlib.import_module(f"pytest_lambda_rollback.commands.{parsed.command}")
        code: int = command.run(parsed)
    except ConfigError as error:
        print(f"lambda-rollback {parsed.command}: {error}", file=sys.stderr)
        return 2
    except RollbackError as error:
        print(f"lambda-rollback {parsed.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            f"lambda-rollback {parsed.command}: interrupted; finished work is kept",
            file=sys.stderr,
        )
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has read enough; Python must not try to flush it again.
        sys.stderr.close()
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lambda-rollback",
        description="Archive versions and record events for `pytest --lambda-rollback`, which "
        "checks that rolling a Lambda function back to an earlier version would work now.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _sync(commands.add_parser("sync", help="fetch new versions from AWS into the archive"))
    _record(
        commands.add_parser("record", help="create event fixtures from what a function received")
    )
    _clean(
        commands.add_parser(
            "clean", help="remove what is old or unused: archive, cache and Docker images"
        )
    )
    return parser


def _sync(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Fetch the code and layers of every version that AWS still has into the archive, and write "
        "lock files. Packages in the archive are not fetched again; an interrupted sync resumes."
    )
    _configuration(parser)
    parser.add_argument(
        "functions", nargs="*", metavar="FUNCTION", help="functions to sync (default: all)"
    )
    parser.add_argument(
        "--workers", type=_positive, default=8, metavar="N", help="parallel downloads (default: 8)"
    )


def _clean(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Remove files, and the Docker images that the plugin has built, that have not been used "
        "for some time, or the least recently used ones until a size is reached. Packages in "
        "lock files stay in the archive, whatever their age; images of functions and runtimes "
        "are never removed."
    )
    _configuration(parser)
    parser.add_argument(
        "--max-age-days", type=_amount, metavar="DAYS", help="remove what is unused for more days"
    )
    parser.add_argument(
        "--max-mb",
        type=_positive,
        metavar="MB",
        help="shrink archive, cache and images to this size",
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would be removed")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--cache-only", action="store_true", help="clean the cache only")
    only.add_argument("--archive-only", action="store_true", help="clean the archive only")
    only.add_argument("--images-only", action="store_true", help="clean the images only")


def _record(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Create event fixtures from what a function received: one for each kind of event. Secrets "
        "and personal data are replaced before anything is written."
    )
    _configuration(parser)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="FUNCTION",
        help="function to record; with --check: fixtures or folders (default: all configured)",
    )
    parser.add_argument(
        "--from",
        dest="origins",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="where to read events: logs[=GROUP] (default), sqs=QUEUE, dlq, s3://BUCKET/PREFIX, "
        "test-events, folder=PATH, or an origin that a plugin adds; repeatable",
    )
    parser.add_argument(
        "--since", default="7d", metavar="SPAN", help="how far back to read logs (default: 7d)"
    )
    parser.add_argument(
        "--max-events",
        type=_positive,
        default=1000,
        metavar="N",
        help="maximum number of events to read from each origin (default: 1000)",
    )
    parser.add_argument(
        "--max-s",
        type=_positive,
        default=300,
        metavar="S",
        help="maximum number of seconds to spend on each origin (default: 300)",
    )
    parser.add_argument(
        "--per-shape",
        type=_positive,
        default=1,
        metavar="N",
        help="fixtures for each shape of event (default: 1)",
    )
    parser.add_argument(
        "--into",
        metavar="FOLDER",
        help="folder to write fixtures to (default: the function's events)",
    )
    parser.add_argument(
        "--remove-stale",
        action="store_true",
        help="remove recorded fixtures of shapes that were not seen",
    )
    parser.add_argument(
        "--accept-risks",
        action="store_true",
        help="read a queue even if that may move messages to its dead-letter queue",
    )
    other = parser.add_mutually_exclusive_group()
    other.add_argument(
        "--check",
        action="store_true",
        help="record nothing; look for secrets in fixtures and exit with 1 if there are any",
    )
    other.add_argument(
        "--downstream",
        action="store_true",
        help="record no events; run the current version on its events, and keep the answers of "
        "services beside them",
    )
    downstream = parser.add_argument_group("with --downstream")
    downstream.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="HOST",
        help="host that the function may reach: api.example.com, *.example.com, host:port; "
        "repeatable",
    )
    downstream.add_argument(
        "--profile",
        metavar="NAME",
        help="let the function call AWS with this profile's credentials, which it does not get",
    )
    downstream.add_argument(
        "--pass-env",
        action="append",
        default=[],
        metavar="NAME",
        help="give the function this environment variable; repeatable",
    )
    downstream.add_argument(
        "--event",
        action="append",
        default=[],
        metavar="NAME",
        help="event to record for (default: all); repeatable",
    )
    other.add_argument(
        "--layer", metavar="PATH", help="record nothing; write the recorder layer to this .zip"
    )


def _configuration(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        action="append",
        default=[],
        metavar="PATH",
        help="configuration file or its folder (default: the one in the working directory)",
    )


def _positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {text!r}")
    return number


def _amount(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number of 0 or more, got {text!r}")
    return number


if __name__ == "__main__":
    sys.exit(main())
