"""Lifecycle event hooks of AWS CodeDeploy.

"AppSpec 'hooks' section for an AWS Lambda deployment": the hook reports its result by a call of
PutLifecycleEventHookExecutionStatus; nobody reads the answer.
https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-hooks.html
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.event_sources.interface import (
    EventSource,
    has,
    never_read,
)

CODEDEPLOY = EventSource(
    name="CodeDeploy",
    slug="codedeploy",
    recognises=lambda event: has(event, DeploymentId=str, LifecycleEventHookExecutionId=str),
    answer_is_read=never_read,
)
