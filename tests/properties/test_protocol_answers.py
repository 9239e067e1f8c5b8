"""Answers to services: what makes a service act alike is safe, and anything else breaks."""

from __future__ import annotations

import base64
import json
from random import Random
from typing import Any

import pytest

from helpers import made_events as made
from helpers.judged_responses import judged
from properties import documents
from properties.examples import EXAMPLES, FIRST_EXAMPLE
from pytest_lambda_rollback.model.findings import Judgement

UNREAD = {"sns": made.SNS, "s3": made.S3, "rule": made.EVENTBRIDGE, "schedule": made.SCHEDULED,
          "logs": made.LOGS, "mq": made.MQ}  # fmt: skip
NAMES = ("101", "102", "103", "104")
QUEUE = made.sqs(*NAMES)
STREAMS = {"kinesis": made.kinesis(*NAMES), "dynamodb": made.dynamodb(*NAMES)}


def some(count: int = EXAMPLES) -> list[Random]:
    return [Random(seed) for seed in range(FIRST_EXAMPLE, FIRST_EXAMPLE + count)]


def shape(event: Any, current: list[Any], target: Any) -> Judgement:
    return judged(current, target, mode="shape", event=made.recognised(event))


@pytest.mark.parametrize("event", UNREAD.values(), ids=UNREAD)
def test_what_nobody_reads_never_breaks(event: Any) -> None:
    for chance in some():
        first, other = documents.any_document(chance), documents.any_document(chance)
        assert shape(event, [first, first], other).findings == (), (first, other)


def batch(names: set[str], chance: Random) -> Any:
    """The answer that reports these records, in one of the ways that Lambda documents."""
    if not names and chance.random() < 0.5:
        return chance.choice((None, {}, {"batchItemFailures": None}))
    reported = [{"itemIdentifier": name} for name in chance.sample(sorted(names), len(names))]
    more = {"handled": len(names)} if chance.random() < 0.3 else {}
    return {"batchItemFailures": reported, **more}


def test_a_message_that_fails_anew_breaks_and_no_other() -> None:
    for chance in some(EXAMPLES * 5):
        known = set(chance.sample(NAMES, chance.randrange(4)))
        failed = set(chance.sample(NAMES, chance.randrange(4)))
        current = [batch(known, chance) for _ in range(2)]
        target = batch(failed, chance)
        findings = shape(QUEUE, current, target).findings
        assert bool(findings) == bool(failed - known), (current, target)


@pytest.mark.parametrize("event", STREAMS.values(), ids=STREAMS)
def test_a_stream_breaks_where_it_is_retried_from_an_earlier_record(event: Any) -> None:
    for chance in some(EXAMPLES * 5):
        known = set(chance.sample(NAMES, chance.randrange(4)))
        failed = set(chance.sample(NAMES, chance.randrange(4)))
        current = [batch(known, chance) for _ in range(2)]
        target = batch(failed, chance)
        is_earlier = bool(failed) and min(failed) < min(known, default="999")
        findings = shape(event, current, target).findings
        assert bool(findings) == is_earlier, (current, target)


def transformed(results: dict[str, str], body: Any, chance: Random) -> Any:
    """Firehose's records, in any order of members, with their data as base64."""
    data = base64.b64encode((documents.written(body, chance) + "\n").encode()).decode()
    return {
        "records": [
            documents.shuffled({"recordId": name, "result": result, "data": data}, chance)
            for name, result in results.items()
        ]
    }


def test_a_record_that_firehose_does_not_get_breaks_and_no_other() -> None:
    names = ("r1", "r2")
    for chance in some(EXAMPLES * 3):
        outcomes = ("Ok", "Ok", "Dropped", "ProcessingFailed")
        known = {name: chance.choice(outcomes) for name in names}
        found = {name: chance.choice(outcomes) for name in names}
        body = documents.any_document(chance)
        current = [transformed(known, body, chance) for _ in range(2)]
        target = transformed(found, body, chance)
        is_lost = any(
            (known[name] == "Ok" and found[name] != "Ok")
            or (known[name] == "Dropped" and found[name] == "ProcessingFailed")
            for name in names
        )
        findings = shape(made.FIREHOSE, current, target).findings
        assert bool(findings) == is_lost, (current, target)


def policy(is_allowed: bool, chance: Random) -> Any:
    """An authorizer's answer with this decision on the request, in one of many ways."""
    resources = ("*", made.ARN, [made.ARN, "arn:aws:execute-api:*:*:x/*"], made.ARN[:-6] + "*")
    about = {"Action": "execute-api:Invoke", "Resource": chance.choice(resources)}
    other = {"Effect": "Deny", "Action": "execute-api:Invoke", "Resource": made.ARN + "/hidden"}
    statements = [{"Effect": "Allow" if is_allowed else "Deny", **about}]
    if not is_allowed and chance.random() < 0.5:
        statements.append({"Effect": "Allow", "Action": "*", "Resource": "*"})
    if chance.random() < 0.3:
        statements.append(other)
    chance.shuffle(statements)
    document = {"Version": "2012-10-17", "Statement": statements}
    return documents.shuffled({"principalId": "user", "policyDocument": document}, chance)


@pytest.mark.parametrize("event", [made.TOKEN_AUTHORIZER, made.REQUEST_AUTHORIZER])
def test_another_decision_on_the_request_breaks_and_no_other_policy(event: Any) -> None:
    for chance in some(EXAMPLES * 3):
        was, now = chance.random() < 0.5, chance.random() < 0.5
        current = [policy(was, chance) for _ in range(2)]
        target = policy(now, chance)
        findings = shape(event, current, target).findings
        assert bool(findings) == (was != now), json.dumps([current, target])
