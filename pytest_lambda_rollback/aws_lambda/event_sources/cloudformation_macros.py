"""Macros of AWS CloudFormation.

"Perform custom processing on CloudFormation templates with template macros" (any ``status`` but
``success`` fails the change set; ``fragment`` is the processed template):
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-macros-author.html
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.event_sources.answers.decisions import (
    Decision,
    DecisionAnswers,
)
from pytest_lambda_rollback.aws_lambda.event_sources.interface import EventSource, has

MACRO = EventSource(
    name="CloudFormation",
    slug="macro",
    recognises=lambda event: has(event, transformId=str, requestId=str, fragment=dict),
    topics=(("transformId",),),
    payload=(("fragment",),),
    answers=DecisionAnswers(
        decisions=(Decision(path=("status",), default="failure"),),
        consequence="the change set fails",
        documented=("requestId", "fragment"),
    ),
)
