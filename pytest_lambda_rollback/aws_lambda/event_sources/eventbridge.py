"""Amazon EventBridge: events of AWS services, of applications, and of schedules.

"Event structure" (``source`` and ``detail-type`` together say what ``detail`` has):
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html

EventBridge and its Scheduler invoke functions asynchronously, and nobody reads the answer. Of the
Scheduler's events ``detail`` is text ("{}") unless the schedule has a payload of its own:
https://docs.aws.amazon.com/lambda/latest/dg/with-eventbridge-scheduler.html

A rule may start a state machine instead, whose input is the same event. Its Task states read what
a function answers, and ``ResultPath`` adds earlier results to the event:
https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultpath.html
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.event_sources.interface import EventSource, Object, has
from pytest_lambda_rollback.model.json_values import Json

_MEMBERS = frozenset(
    (
        "version", "id", "detail-type", "source", "account", "time", "region", "resources",
        "detail", "replay-name",
    )
)  # fmt: skip
"""The members of an event; ``replay-name`` is that of an archive's replay."""


def _recognises(event: Json) -> bool:
    if not has(event, **{"detail-type": str}, source=str, account=str):
        return False
    return isinstance(event.get("detail"), (dict, str))


def _is_read(event: Object) -> bool:
    """True for an event with members of others: a state machine has merged its own data in."""
    return not event.keys() <= _MEMBERS


def _may_be_passed_on(_event: Object) -> bool:
    """A rule may start a state machine with the event, which hands it to the function."""
    return True


EVENTBRIDGE = EventSource(
    name="EventBridge",
    slug="eventbridge",
    recognises=_recognises,
    topics=(("detail-type",),),
    qualifiers=(("source",),),
    payload=(("detail",),),
    answer_is_read=_is_read,
    may_be_passed_on=_may_be_passed_on,
)
