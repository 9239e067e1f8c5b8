"""Lines of a log group in CloudWatch Logs, the newest stretch of time first.

Only reads. The stretches grow as they go back in time, so that a busy function gives its newest
events after few requests and a quiet one is not asked for every minute of a month. Within a
stretch, lines come in order of time as CloudWatch Logs gives them.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any, Final

from botocore.exceptions import ClientError

from pytest_lambda_rollback.aws.failures import reading
from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.model.recorded import LogLine

_FIRST_STRETCH_MS: Final = 15 * 60 * 1000
_PAGE: Final = 10_000


def group_of(client: Any, function: str) -> str:
    """The log group of a function, by its ``lambda`` client. Raises SourceError."""
    with reading(
        what=f"could not determine the log group of function {function}",
        action="lambda:GetFunctionConfiguration",
    ):
        configuration = client.get_function_configuration(FunctionName=function)
    name = configuration.get("FunctionName", function)
    return str(configuration.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{name}")


def stretches(start_ms: int, end_ms: int) -> Iterator[tuple[int, int]]:
    """(from, to) in milliseconds, both inclusive, newest first, each twice as long as the last."""
    length, to = _FIRST_STRETCH_MS, end_ms
    while to >= start_ms:
        since = max(start_ms, to - length + 1)
        yield since, to
        length, to = length * 2, since - 1


def lines(
    client: Any,
    group: str,
    *,
    start_ms: int,
    end_ms: int,
    enough: Callable[[], bool] = lambda: False,
) -> Generator[LogLine]:
    """The lines between two moments (milliseconds since 1970), until ``enough`` says so.

    Raises SourceError, with a ``logs`` client that may not read or a group that is not there.
    """
    for since, to in stretches(start_ms, end_ms):
        token: str | None = None
        while not enough():
            page = _page(client, group, since, to, token)
            for event in page.get("events", ()):
                yield LogLine(
                    stream=event.get("logStreamName", ""),
                    time_ms=event.get("timestamp", since),
                    text=event.get("message", ""),
                )
            following = page.get("nextToken")
            if not following or following == token:
                break
            token = following
        if enough():
            return


def _page(client: Any, group: str, since: int, to: int, token: str | None) -> dict[str, Any]:
    with reading(what=f"log group {group} cannot be read", action="logs:FilterLogEvents"):
        try:
            page: dict[str, Any] = client.filter_log_events(
                logGroupName=group,
                startTime=since,
                endTime=to,
                limit=_PAGE,
                **({"nextToken": token} if token else {}),
            )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "ResourceNotFoundException":
                raise SourceError(
                    f"there is no log group {group}",
                    why="the function never ran, or logs to another group or region",
                    do="Name the log group, or record from another origin",
                ) from error
            raise
    return page
