"""Events with recorded answers of services, replayed without any set-up in real sandboxes."""

from __future__ import annotations

import json

from helpers.made_projects import Project
from helpers.sandbox_gate import needed_bubblewrap

CALLS = """
import json, urllib.error, urllib.request

def asked(url, body, **headers):
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=20) as response:
        return json.load(response)

def aws(service, target, body):
    return asked(
        f"https://{service}.eu-west-1.amazonaws.com/", body,
        **{"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"})

secret = aws("secretsmanager", "secretsmanager.GetSecretValue", {"SecretId": "api"})

def handler(event, context):
    charge = asked("https://api.example.com/v1/charges", BODY, Authorization=secret["SecretString"])
    return {"charge": charge["id"], "left": ANSWER}
"""


def _code(body: str, answer: str = 'charge["left"]') -> str:
    return CALLS.replace("BODY", body).replace("ANSWER", answer)


SECRET = {
    "service": "secretsmanager",
    "operation": "GetSecretValue",
    "parameters": {"SecretId": "api"},
    "result": {"SecretString": "a-dummy"},
}


def _charge(amount: int, **answer: object) -> dict[str, object]:
    return {
        "method": "POST",
        "url": "https://api.example.com/v1/charges",
        "body": {"amount": amount},
        "response": {"status": 200, "body": {"id": f"ch_{amount}", **answer}},
    }


def _made(project: Project) -> None:
    needed_bubblewrap()
    project.configure('current = "2"', 'events = "events"', 'strategies = ["alias"]')
    (project.path / "events" / "create.json").unlink()
    (project.path / "events" / "gift_card.json").unlink()
    # Production read the secret once, while it handled the first event.
    answers = [SECRET, _charge(5, left=1)]
    project.event("first", {"lambda_rollback": 1, "event": {"amount": 5}, "downstream": answers})
    project.event("second", {"amount": 6})
    project.event(
        "second.downstream",
        {"lambda_rollback_downstream": 1, "downstream": [_charge(6, left=None)]},
    )


def test_a_target_that_asks_for_the_same_is_safe(project: Project) -> None:
    _made(project)
    project.version("2", _code('{"amount": event["amount"]}'))
    project.version("1", _code('dict(amount=event["amount"])'))
    result = project.run("-q")
    result.assert_outcomes(passed=5)


def test_a_target_that_cannot_read_an_answer_breaks(project: Project) -> None:
    _made(project)
    project.version("2", _code('{"amount": event["amount"]}', 'charge["left"] or 0'))
    project.version("1", _code('{"amount": event["amount"]}', 'charge["left"] + 0'))
    result = project.run("-q", "-k", "first or second")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*TypeError*"])


def test_a_target_that_asks_for_something_else_is_unknown_and_told(project: Project) -> None:
    _made(project)
    project.version("2", _code('{"amount": event["amount"]}'))
    project.version("1", _code('{"amount": event["amount"], "currency": "EUR"}'))
    result = project.run("-q", "-k", "first")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "unknown: *POST /v1/charges*no answer is recorded*the nearest is "
            "POST https://api.example.com/v1/charges, where /body/currency is missing, and a text "
            "of 3 characters in this request*`lambda-rollback record orders --downstream --allow "
            "api.example.com`*"
        ]
    )


def test_an_answer_that_is_recorded_once_answers_once(project: Project) -> None:
    _made(project)
    project.version("2", _code('{"amount": event["amount"]}'))
    twice = """
    asked("https://api.example.com/v1/charges", {"amount": event["amount"]})
    charge"""
    project.version("1", _code('{"amount": event["amount"]}').replace("    charge", twice, 1))
    result = project.run("-q", "-k", "first")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["unknown: *POST /v1/charges*more often*"])


def test_files_of_answers_are_no_events(project: Project) -> None:
    _made(project)
    project.version("2", _code('{"amount": event["amount"]}'))
    result = project.run("-q", "--collect-only")
    assert "downstream.json" not in result.stdout.str()
    assert json.loads((project.path / "events" / "second.downstream.json").read_text())
