"""How CDK's provider framework reads the answers of a custom resource's handlers.

``onEvent`` answers ``PhysicalResourceId``, ``Data`` and ``NoEcho`` (which masks ``Data`` in
CloudFormation's events), or nothing. Without an id the
framework takes the request's id on Create, and the resource's own id on Update and Delete; another
id on Update replaces the resource, and on Delete is an error. ``isComplete`` answers
``IsComplete``, and ``Data`` only with the value true.
https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.custom_resources-readme.html
"""

from __future__ import annotations

from collections.abc import Sequence

from pytest_lambda_rollback.aws_lambda.event_sources.answers.decisions import (
    Decision,
    DecisionAnswers,
)
from pytest_lambda_rollback.aws_lambda.event_sources.interface import (
    Compared,
    Differences,
    Event,
    Object,
)
from pytest_lambda_rollback.model.json_values import Json

_ID = "PhysicalResourceId"
_NO_ECHO = Decision(path=("NoEcho",), default=False)
_IS_COMPLETE = DecisionAnswers(
    decisions=(Decision(path=("IsComplete",), values=(True, False), needed=True),),
    consequence="the deployment fails",
    documented=("Data",),
)
_ON_CREATE = DecisionAnswers(
    decisions=(_NO_ECHO,), consequence="the deployment fails", documented=(_ID, "Data")
)
_ON_CHANGE = DecisionAnswers(
    decisions=(Decision(path=(_ID,)), _NO_ECHO),
    consequence="the deployment fails",
    documented=("Data",),
)


class ProviderAnswers:
    """How the framework reads an answer; the answer's form shows which handler gave it."""

    __slots__ = ()

    def read(
        self,
        current: Sequence[Json],
        target: Json,
        differences: Differences,
        *,
        event: Event,
        exact: bool,
    ) -> Compared:
        """Note another id of an existing resource, another ``IsComplete``; leave ``Data``."""
        if all(isinstance(run, dict) and "IsComplete" in run for run in current):
            return _IS_COMPLETE.read(current, target, differences, event=event, exact=exact)
        exists = event.value.get("RequestType") in ("Update", "Delete")
        rules = _ON_CHANGE if exists else _ON_CREATE
        runs = [_with_defaults(run, event.value) for run in current]
        other = _with_defaults(target, event.value)
        if event.value.get("RequestType") == "Delete":  # nothing is left to read Data
            runs, other = [_without_data(run) for run in runs], _without_data(other)
        return rules.read(runs, other, differences, event=event, exact=exact)


def _with_defaults(answer: Json, event: Object) -> Json:
    """The answer as the framework completes it: with an id, and with ``Data``."""
    if answer is None:
        answer = {}
    if not isinstance(answer, dict):
        return answer
    usual = event.get(_ID) or event.get("RequestId")
    return {**answer, _ID: answer.get(_ID) or usual, "Data": answer.get("Data") or {}}


def _without_data(answer: Json) -> Json:
    return {**answer, "Data": {}} if isinstance(answer, dict) else answer
