"""Amazon EventBridge: events of AWS services, of applications, and of schedules.

"Event structure" (``source`` and ``detail-type`` together say what ``detail`` has):
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html

EventBridge invokes functions asynchronously; nobody reads the answer:
https://docs.aws.amazon.com/lambda/latest/dg/with-eventbridge-scheduler.html
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.event_sources.interface import EventSource, has, never_read
from pytest_lambda_rollback.model.json_values import Json


def _recognises(event: Json) -> bool:
    return has(event, **{"detail-type": str}, source=str, detail=dict, account=str)


EVENTBRIDGE = EventSource(
    name="EventBridge",
    slug="eventbridge",
    recognises=_recognises,
    topics=(("detail-type",),),
    qualifiers=(("source",),),
    payload=(("detail",),),
    answer_is_read=never_read,
)
