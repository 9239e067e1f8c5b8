"""The console script: ``lambda-rollback sync``, ``record`` and ``clean``.

It parses arguments, loads the one command that was asked for, and turns errors into one line.
Exit codes: 0 done, 1 something failed or was found, 2 a mistake in arguments or configuration.
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
            f"lambda-rollback {parsed.command}: interrupted; what was finished is kept",
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
        description="Archive versions, record events and clean up for `pytest --lambda-rollback`, "
        "which checks that earlier versions of Lambda functions would still work.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _sync(commands.add_parser("sync", help="bring the archive up to date with AWS"))
    _record(commands.add_parser("record", help="make event fixtures of what production received"))
    _clean(commands.add_parser("clean", help="bound the archive and the cache by age and size"))
    return parser


def _sync(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Fetch the code and layers of every retained version of the functions in AWS into the "
        "archive, and write their lock files. What is held is not fetched again; an interrupted "
        "sync goes on where it was."
    )
    _configuration(parser)
    parser.add_argument(
        "functions", nargs="*", metavar="FUNCTION", help="only these (default: all)"
    )
    parser.add_argument(
        "--workers", type=_positive, default=8, metavar="N", help="downloads at a time (default: 8)"
    )


def _clean(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Remove what was not used for long, or the longest unused until a size is kept. What a "
        "lock file names stays in the archive, whatever its age."
    )
    _configuration(parser)
    parser.add_argument(
        "--max-age-days", type=_amount, metavar="DAYS", help="remove what was unused for longer"
    )
    parser.add_argument(
        "--max-mb", type=_positive, metavar="MB", help="keep at most so much of each"
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would go")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--cache-only", action="store_true", help="leave the archive alone")
    only.add_argument("--archive-only", action="store_true", help="leave the cache alone")


def _record(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Make event fixtures of what a function received: few, one for each shape of event, and "
        "without secrets and personal data, which are replaced before anything is written."
    )
    _configuration(parser)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="FUNCTION",
        help="the function; with --check fixtures and folders (default: all of the configuration)",
    )
    parser.add_argument(
        "--from",
        dest="origins",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="logs[=GROUP] (default), sqs=QUEUE, dlq, s3://BUCKET/PREFIX, test-events or "
        "folder=PATH; may be given several times",
    )
    parser.add_argument(
        "--since", default="7d", metavar="SPAN", help="how far to go back in logs (default: 7d)"
    )
    parser.add_argument(
        "--max-events",
        type=_positive,
        default=1000,
        metavar="N",
        help="events read from each origin (default: 1000)",
    )
    parser.add_argument(
        "--max-s",
        type=_positive,
        default=300,
        metavar="S",
        help="seconds spent on each origin (default: 300)",
    )
    parser.add_argument(
        "--per-shape",
        type=_positive,
        default=1,
        metavar="N",
        help="fixtures for each shape of event (default: 1)",
    )
    parser.add_argument(
        "--into", metavar="FOLDER", help="folder of fixtures (default: the function's events)"
    )
    parser.add_argument(
        "--remove-stale",
        action="store_true",
        help="remove recorded fixtures whose shape was not seen any more",
    )
    parser.add_argument(
        "--accept-risks",
        action="store_true",
        help="read a queue even where that may move messages to its dead-letter queue",
    )
    other = parser.add_mutually_exclusive_group()
    other.add_argument(
        "--check",
        action="store_true",
        help="record nothing: look for secrets in fixtures, and exit with 1 where there are any",
    )
    other.add_argument(
        "--layer", metavar="PATH", help="write the recorder's layer as a .zip, and nothing else"
    )


def _configuration(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        action="append",
        default=[],
        metavar="PATH",
        help="configuration file or its folder (default: the one in this folder)",
    )


def _positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 up, got {text!r}")
    return number


def _amount(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number from 0 up, got {text!r}")
    return number


if __name__ == "__main__":
    sys.exit(main())
