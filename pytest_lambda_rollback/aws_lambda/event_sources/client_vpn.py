"""Client connect handlers of AWS Client VPN.

"Connection authorization" (``allow`` decides; ``error-msg-on-denied-connection``,
``posture-compliance-statuses`` and ``schema-version`` are to be there; a connection is refused
whose handler does not answer so):
https://docs.aws.amazon.com/vpn/latest/clientvpn-admin/connection-authorization.html
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.event_sources.answers.decisions import (
    Decision,
    DecisionAnswers,
)
from pytest_lambda_rollback.aws_lambda.event_sources.interface import EventSource, has

CLIENT_VPN = EventSource(
    name="Client VPN",
    slug="authorizer",
    recognises=lambda event: has(event, **{"connection-id": str, "endpoint-id": str}),
    answers=DecisionAnswers(
        decisions=(Decision(path=("allow",), values=(True, False), needed=True),),
        consequence="the connection is refused",
        documented=(
            "error-msg-on-denied-connection",
            "posture-compliance-statuses",
            "schema-version",
        ),
    ),
)
