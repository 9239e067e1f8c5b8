"""Redacting an invocation as a whole: a request that is made of the event stays that request."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from pytest_lambda_rollback.redaction.redactor import Redactor
from pytest_lambda_rollback.redaction.rules import RedactionRules

KEY = b"k" * 32


def together(event: object, downstream: object, **rules: Any) -> tuple[Any, Any]:
    """The redacted event and the redacted answers."""
    redactor = Redactor(RedactionRules(**rules), KEY)
    values, _ = redactor.redact_together([((), event), (("downstream",), downstream)])
    return values[0], values[1]


@pytest.mark.parametrize("name", ["Lopez", "Ann", "van der Meer", "O'Neill"])
@pytest.mark.parametrize(
    "make",
    [
        lambda name: {"S": name},
        lambda name: {"S": f"USER#{name}"},
        lambda name: {"S": f"USER#{name}#2026"},
        lambda name: {"$text": json.dumps({"who": name, "n": 1})},
        lambda name: {"body": json.dumps({"inner": json.dumps([name])})},
        lambda name: f"https://api.test/v1/users/{quote(name)}/orders",
        lambda name: f"https://api.test/v1/?user={quote(name)}&x=1",
        lambda name: {"$text": f"user={quote(name)}&x=1"},
    ],
)
def test_a_name_of_the_event_is_the_same_in_keys_and_paths(name: str, make: Any) -> None:
    event, downstream = together({"last_name": name}, [{"parameters": make(name)}])
    assert event["last_name"] != name
    assert downstream == [{"parameters": make(event["last_name"])}]


def test_an_id_that_only_the_answer_calls_secret_is_replaced_in_the_event_too() -> None:
    event, downstream = together(
        {"reference": "4711-ab", "count": 12345},
        [{"result": {"account_number": "4711-ab", "pin": 12345}}],
    )
    assert event["reference"] == downstream[0]["result"]["account_number"] != "4711-ab"
    assert event["count"] == downstream[0]["result"]["pin"] != 12345


def test_an_address_in_a_query_is_the_one_of_the_event() -> None:
    mail = "maria.lopez@contoso-mail.com"
    event, downstream = together(
        {"mail": mail},
        [
            {"url": f"https://api.test/?mail={quote(mail)}&x=1", "body": {"$text": f"m={mail}"}},
            {"result": {"Body": {"$text": f"report for {mail}"}}},
        ],
    )
    assert downstream[0]["url"] == f"https://api.test/?mail={quote(event['mail'])}&x=1"
    assert downstream[0]["body"]["$text"] == f"m={event['mail']}"
    assert downstream[1]["result"]["Body"] == {"$text": f"report for {event['mail']}"}


def test_short_words_are_replaced_as_a_whole_only() -> None:
    event, downstream = together(
        {"last_name": "Main", "n": 1},
        ["Main", "12 Main Road", "Maintenance", "x#Main", {"Main": 1}, "Ma"],
    )
    other = event["last_name"]
    assert downstream == [
        other, "12 Main Road", "Maintenance", f"x#{other}", {other: 1}, "Ma",
    ]  # fmt: skip


def test_pointers_lead_into_the_event_and_into_answers() -> None:
    event, downstream = together(
        {"note": "some words", "kept": "a@contoso-mail.com"},
        [{"result": {"note": "other words", "mail": "b@contoso-mail.com"}}],
        pointers=("/note", "/downstream/*/result/note"),
        keep=("/kept", "/downstream/0/result/mail"),
    )
    assert event["note"] != "some words"
    assert downstream[0]["result"]["note"] != "other words"
    assert event["kept"] == "a@contoso-mail.com"
    assert downstream[0]["result"]["mail"] == "b@contoso-mail.com"


def test_places_are_reported_below_downstream() -> None:
    redactor = Redactor(RedactionRules(), KEY)
    _, found = redactor.redact_together(
        [((), {}), (("downstream",), [{"result": {"password": "hunter2000"}}])]
    )
    assert [(each.pointer, each.detector) for each in found] == [
        ("/downstream/0/result/password", "key")
    ]


def test_the_secret_of_a_database_still_says_where_it_is() -> None:
    secret = {
        "engine": "postgres", "host": "db.internal", "port": 5432, "dbname": "shop",
        "username": "orders", "password": "Tr0ub4dor-and-3",
    }  # fmt: skip
    event, downstream = together({}, [{"result": {"SecretString": json.dumps(secret)}}])
    assert event == {}
    made = json.loads(downstream[0]["result"]["SecretString"])
    same = {key for key in secret if made[key] == secret[key]}
    assert same == {"engine", "host", "port", "dbname"}


def test_an_event_alone_is_redacted_as_before() -> None:
    event = {"last_name": "Main", "other": "Main", "key": "x#Main"}
    redacted, _ = Redactor(RedactionRules(), KEY).redact(event)
    assert isinstance(redacted, dict)
    assert redacted["last_name"] != "Main"
    assert (redacted["other"], redacted["key"]) == ("Main", "x#Main")
