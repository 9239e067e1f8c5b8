"""What holds for every event source, whatever versions answer."""

from __future__ import annotations

import random
from typing import Any

import pytest

from helpers import judged_responses
from helpers import made_events as made
from helpers.subjects import said
from pytest_lambda_rollback.model.findings import Judgement

EVENTS: dict[str, Any] = {
    "rest": made.REST_API,
    "http 1": made.HTTP_API_1,
    "http 2": made.HTTP_API_2,
    "url": made.FUNCTION_URL,
    "alb": made.LOAD_BALANCER,
    "alb multi": {**made.LOAD_BALANCER, "multiValueHeaders": {}},
    "websocket": {"requestContext": {"connectionId": "c", "eventType": "CONNECT"}},
    "token": made.TOKEN_AUTHORIZER,
    "http authorizer": made.HTTP_AUTHORIZER,
    "appsync": made.APPSYNC_AUTHORIZER,
    "sqs": made.sqs("m1", "m2"),
    "fifo": made.sqs("m1", "m2", group="g"),
    "kinesis": {**made.kinesis("1", "2"), "window": {}},
    "dynamodb": made.dynamodb("1", "2"),
    "kafka": made.KAFKA,
    "firehose": made.FIREHOSE,
    "s3 batch": made.S3_BATCH,
    "cognito": made.cognito("PreSignUp_SignUp"),
    "cognito claims": made.cognito("TokenGeneration_HostedAuth"),
    "sns": made.SNS,
    "unknown": {"order": 1},
}
SCALARS = (
    None, True, False, 0, 200, "200", 200.5, 10**30, float("nan"), "", "a", "m1", "1", "r1", "t1",
    "Ok", "Dropped", "Succeeded", "Allow", "Deny", "*", made.ARN, "execute-api:Invoke",
    '{"a": 1}', "e30=", "a=1; Path=/", "\ud800", "TARGET", "2026-03-01",
)  # fmt: skip
KEYS = (
    "statusCode", "headers", "multiValueHeaders", "cookies", "body", "isBase64Encoded",
    "Set-Cookie", "content-type", "batchItemFailures", "itemIdentifier", "state",
    "records", "recordId", "result", "data", "results", "taskId", "resultCode",
    "isAuthorized", "principalId", "policyDocument", "Statement", "Effect", "Action",
    "Resource", "Condition", "context", "response", "autoConfirmUser",
    "claimsToSuppress", "challengeName", "a",
)  # fmt: skip
LIKELY = {
    "policyDocument": ("Statement",),
    "Statement": ("Effect", "Action", "Resource"),
    "batchItemFailures": ("itemIdentifier",),
    "records": ("recordId", "result", "data"),
    "results": ("taskId", "resultCode"),
    "response": ("autoConfirmUser", "claimsToSuppress", "challengeName"),
}


def any_value(chance: random.Random, keys: tuple[str, ...] = KEYS, depth: int = 0) -> object:
    kind = chance.randrange(4 if depth > 4 else 10)
    if kind < 4 and depth:
        return chance.choice(SCALARS)
    if kind < 6:
        return [any_value(chance, keys, depth + 1) for _ in range(chance.randrange(3))]
    chosen = chance.choices(keys, k=chance.randrange(4)) if keys is KEYS else keys
    return {key: any_value(chance, LIKELY.get(key, KEYS), depth + 1) for key in chosen}


def judged(event: object, baseline: list[object], target: object, mode: str) -> Judgement:
    schema = "{}" if mode == "schema" else None
    return judged_responses.judged(
        baseline, target, mode=mode, event=made.recognised(event), schema=schema
    )


@pytest.mark.parametrize("mode", ["shape", "exact", "schema"])
@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS.keys())
def test_what_the_current_version_answered_itself_is_never_a_break(event: Any, mode: str) -> None:
    chance = random.Random(11)
    for _ in range(60 if mode == "schema" else 200):
        first, second = any_value(chance), any_value(chance)
        for own in (first, second):
            judgement = judged(event, [first, second], own, mode)
            assert judgement == Judgement(), (first, second)


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS.keys())
def test_any_answer_can_be_judged_and_every_finding_be_shown(event: Any) -> None:
    chance = random.Random(12)
    for _ in range(200):
        first, other = any_value(chance), any_value(chance)
        for mode in ("shape", "exact"):
            for finding in judged(event, [first, first], other, mode).findings:
                assert finding.location is not None
                assert (said(finding) + finding.location).isprintable()
                assert "orders:2" in said(finding)
                assert {finding.current, finding.target} != {None}
