"""Pre-provisioning hooks of AWS IoT Core.

"Pre-provisioning hooks" (``allowProvisioning`` decides, ``parameterOverrides`` replace the
parameters of the template; without an answer it can read, IoT does not provision the device):
https://docs.aws.amazon.com/iot/latest/developerguide/pre-provisioning-hook.html
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.event_sources.answers.decisions import (
    Decision,
    DecisionAnswers,
)
from pytest_lambda_rollback.aws_lambda.event_sources.interface import EventSource, has

PROVISIONING_HOOK = EventSource(
    name="AWS IoT",
    slug="provisioning",
    recognises=lambda event: has(event, certificateId=str, templateArn=str, parameters=dict),
    payload=(("parameters",),),
    answers=DecisionAnswers(
        decisions=(Decision(path=("allowProvisioning",), values=(True, False), needed=True),),
        consequence="the device is not provisioned",
        documented=("parameterOverrides",),
    ),
)
