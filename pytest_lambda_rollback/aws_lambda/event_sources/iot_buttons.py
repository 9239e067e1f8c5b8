"""AWS IoT buttons: the Enterprise Button by IoT 1-Click, and the button of IoT Core.

"AWS IoT 1-Click" (``deviceEvent``, ``deviceInfo``, ``placementInfo``):
https://docs.aws.amazon.com/iot-1-click/latest/developerguide/1click-programming.html
"AWS IoT Button" (``serialNumber``, ``batteryVoltage``, ``clickType``):
https://docs.aws.amazon.com/lambda/latest/dg/services-iot.html

Both invoke functions asynchronously, and nobody reads the answer.
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.event_sources.interface import (
    EventSource,
    has,
    never_read,
)
from pytest_lambda_rollback.model.json_values import Json


def _recognises(event: Json) -> bool:
    if has(event, serialNumber=str, batteryVoltage=str, clickType=str):
        return True
    return has(event, deviceEvent=dict, deviceInfo=dict)


IOT_BUTTON = EventSource(
    name="the IoT button",
    slug="button",
    recognises=_recognises,
    topics=(("clickType",), ("deviceEvent", "buttonClicked", "clickType")),
    answer_is_read=never_read,
)
