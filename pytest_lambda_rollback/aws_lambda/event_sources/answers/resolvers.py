"""How AppSync reads the answers of Lambda resolvers.

One request is answered by the field's value. A batch of requests is answered by a list with one
result for each request, in their order; AppSync refuses a list of another length, so that every
field of the batch fails. A result that is an object with ``errorMessage`` fails its own field.
"AppSync JavaScript resolver function reference for Lambda":
https://docs.aws.amazon.com/appsync/latest/devguide/resolver-reference-lambda-js.html
"Using AWS Lambda resolvers", "Returning individual errors":
https://docs.aws.amazon.com/appsync/latest/devguide/tutorial-lambda-resolvers.html
"""

from __future__ import annotations

from collections.abc import Sequence

from pytest_lambda_rollback.aws_lambda.event_sources.interface import (
    Compared,
    Differences,
    Event,
)
from pytest_lambda_rollback.model.json_values import Json, canonical, short_text

_ERROR = "errorMessage"


class ResolverAnswers:
    """How AppSync reads an answer to one request, or to a batch."""

    __slots__ = ()

    def read(
        self,
        current: Sequence[Json],
        target: Json,
        differences: Differences,
        *,
        event: Event,
        exact: bool,  # noqa: ARG002
    ) -> Compared:
        """Note a batch that AppSync refuses, results in another order, and results that fail."""
        as_is = Compared(current=tuple(current), target=target)
        size = len(event.elements)
        runs = [run for run in current if isinstance(run, list) and len(run) == size]
        if not size or len(runs) < len(current):
            return as_is
        before = len(differences)
        if not isinstance(target, list) or len(target) != size:
            found = f"{len(target)} results" if isinstance(target, list) else "no list of results"
            differences.rule(
                (),
                "batch-size",
                f"TARGET answers {found} to a batch of {size} requests, so AppSync fails them all",
                short_text(current[0]),
                short_text(target),
            )
            return Compared(current=as_is.current, target=target, settled=True)
        _note_order(runs, target, differences)
        for index, result in enumerate(target):
            if _fails(result) and not any(_fails(run[index]) for run in runs):
                differences.rule(
                    (index,),
                    "record-failed",
                    "TARGET fails a request of the batch that CURRENT resolves",
                    short_text(runs[0][index]),
                    short_text(result),
                )
        return Compared(current=as_is.current, target=target, settled=len(differences) > before)


def _note_order(runs: Sequence[list[Json]], target: list[Json], differences: Differences) -> None:
    """Note the very results of the current version in another order."""
    known = [[canonical(result) for result in run] for run in runs]
    found = [canonical(result) for result in target]
    is_steady = all(run == known[0] for run in known)
    if is_steady and found != known[0] and sorted(found) == sorted(known[0]):
        differences.rule(
            (),
            "batch-order",
            "TARGET answers the results of a batch in another order than CURRENT, so AppSync gives "
            "them to other requests",
            short_text(runs[0]),
            short_text(target),
        )


def _fails(result: Json) -> bool:
    return isinstance(result, dict) and bool(result.get(_ERROR))
