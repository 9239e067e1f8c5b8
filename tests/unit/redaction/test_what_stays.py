"""Beside what is secret or personal, nothing changes that a function's code looks at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_lambda_rollback.redaction.checking import check
from pytest_lambda_rollback.redaction.redactor import Redactor
from pytest_lambda_rollback.redaction.rules import RedactionRules


def redacted(event: object) -> Any:
    return Redactor(RedactionRules(), b"k" * 32).redact(event)[0]


def leaves(node: object, path: str = "") -> dict[str, object]:
    if isinstance(node, dict):
        items = node.items()
    elif isinstance(node, list):
        items = {str(n): each for n, each in enumerate(node)}.items()
    else:
        return {path: node}
    return {p: v for key, each in items for p, v in leaves(each, f"{path}/{key}").items()}


ROLE = {
    "type": "AssumedRole",
    "principalId": "AROAABCDEFGHIJKLMNOPQ:ann.lee",
    "arn": "arn:aws:sts::123456789012:assumed-role/DeployRole/ann.lee",
    "sessionContext": {
        "sessionIssuer": {
            "type": "Role",
            "arn": "arn:aws:iam::123456789012:role/DeployRole",
            "accountId": "123456789012",
            "userName": "DeployRole",
        }
    },
}
SLOT = {
    "name": "firstName",
    "value": "Maria",
    "confirmationStatus": "NONE",
    "source": "USER",
    "resolutions": {
        "resolutionsPerAuthority": [
            {
                "authority": "amzn1.er-authority.echo-sdk.x.FIRST",
                "status": {"code": "ER_SUCCESS_MATCH"},
                "values": [{"value": {"name": "Maria", "id": "m1"}}],
            }
        ]
    },
}


@pytest.mark.parametrize(
    ("event", "changes"),
    [
        (  # Alexa: the name of a slot, its status, source and the skill's own ids stay
            {"slots": {"firstName": SLOT}},
            {
                "/slots/firstName/value",
                "/slots/firstName/resolutions/resolutionsPerAuthority/0/values/0/value/name",
            },
        ),
        (  # Lex V2
            {"slots": {"LastName": {"shape": "Scalar", "value": {"originalValue": "Muster"}}}},
            {"/slots/LastName/value/originalValue"},
        ),
        ({"password": {"type": "string", "status": "SET", "value": "hunter22"}},
         {"/password/value"}),
        ({"date_of_birth": {"status": "VERIFIED", "value": "1980-02-03", "required": True}},
         {"/date_of_birth/value"}),
        ({"pin": {"updatedAt": "2020-01-01T00:00:00Z", "value": "8467"}}, {"/pin/value"}),
        # What may be the secret is replaced, whatever its name.
        ({"otp": {"code": "482913"}}, {"/otp/code"}),
        ({"recovery_code": {"code": "QWERTZUI"}}, {"/recovery_code/code"}),
        ({"password": {"name": "hunter22"}}, {"/password/name"}),
        ({"secret": {"id": "hunter22abc"}}, {"/secret/id"}),
        ({"password": {"type": "hunter22"}}, {"/password/type"}),
        # The root user is its account, a role is no person.
        ({"userIdentity": {"type": "Root", "principalId": "123456789012",
                           "arn": "arn:aws:iam::123456789012:root", "accountId": "123456789012"},
          "account": "123456789012"}, set()),
        ({"identity": {"accountId": "123456789012", "caller": "123456789012",
                       "user": "123456789012", "userArn": "arn:aws:iam::123456789012:root"}},
         set()),
        ({"identity": {"accountId": "210987654321", "caller": "123456789012"}},
         {"/identity/caller"}),
        ({"userIdentity": ROLE}, {"/userIdentity/principalId", "/userIdentity/arn"}),
        ({"userIdentity": {"type": "IAMUser", "userName": "Alice"}}, {"/userIdentity/userName"}),
        ({"userIdentity": {"type": "FederatedUser", "principalId": "123456789012:alice"}},
         {"/userIdentity/principalId"}),
        # A token may be the ARN of a resource.
        ({"TargetToken": "arn:aws:states:eu-west-1:123456789012:execution:orders:1"}, set()),
        ({"taskToken": "AAAAKgAAAAIAAAAAAAAAAQ"}, {"/taskToken"}),
        ({"secret": "arn of a friend"}, {"/secret"}),
    ],
)  # fmt: skip
def test_what_changes(event: Any, changes: set[str]) -> None:
    before, after = leaves(event), leaves(redacted(event))
    assert before.keys() == after.keys()
    assert {path for path, value in before.items() if after[path] != value} == changes


@pytest.mark.parametrize(
    ("text", "begins", "gone"),
    [
        ("google_1234567", "google_", "1234567"),
        ("Facebook_12345678", "Facebook_", "12345678"),
        ("SignInWithApple_001234.abcdef.0123", "SignInWithApple_", "abcdef"),
        ("LoginWithAmazon_amzn1.account.ABC", "LoginWithAmazon_", "ABC"),
        ("maria_muster", "", "maria"),
        ("123456789012:alice", "123456789012:", "alice"),
    ],
)
def test_prefixes_of_user_names(text: str, begins: str, gone: str) -> None:
    key = "principalId" if ":" in text else "userName"
    changed = redacted({"userIdentity": {key: text}})["userIdentity"][key]
    assert changed.startswith(begins)
    assert gone not in changed


def test_a_user_of_a_provider_is_one_person_in_an_event() -> None:
    identities = json.dumps([{"userId": "1234567", "providerName": "Google"}])
    changed = redacted({"userName": "google_1234567", "userAttributes": {"identities": identities}})
    (identity,) = json.loads(changed["userAttributes"]["identities"])
    assert changed["userName"] == f"google_{identity['userId']}"


@pytest.mark.parametrize(
    ("text", "gone", "kept"),
    [
        ("Maria Musterfrau <maria@acme.io>", ["Maria", "Muster", "acme"], " <"),
        ("From: Maria Musterfrau <maria@acme.io>", ["Maria", "Muster"], "From: "),
        ('"Musterfrau, Maria" <maria@acme.io>', ["Maria", "Muster"], '" <'),
        ("a@acme.io, Maria Muster <m@acme.io>", ["Maria", "Muster"], ", "),
        ("=?utf-8?Q?J=C3=B6rg?= <j@acme.io>", ["rg?="], "=?utf-8?Q?"),
        ("To: x@acme.io\r\nFrom: J. O'Neill <j@acme.io>\r\nSubject: Hi", ["Neill"], "Subject: Hi"),
        # More words than a name has are a sentence.
        ("if it does not help, you may as well ask us here <help@acme.io>", [], "you may as well"),
        ("Order 12 of 2024: shipped, see <help@acme.io>", ["acme"], "Order 12 of 2024: shipped"),
    ],
)  # fmt: skip
def test_names_before_addresses(text: str, gone: list[str], kept: str) -> None:
    changed = redacted({"content": text})["content"]
    assert not any(each in changed for each in gone)
    assert kept in changed
    assert "acme" not in changed


@pytest.mark.parametrize(
    "event",
    [
        {"From": "Maria Musterfrau <maria@acme.io>"},
        {"slots": {"firstName": SLOT}},
        {"userName": "google_1234567890123456789"},
        {"userIdentity": ROLE},
    ],
)
def test_what_was_redacted_is_no_leak(event: Any, tmp_path: Path) -> None:
    path = tmp_path / "event.json"
    path.write_text(json.dumps(event))
    assert check([path], RedactionRules())
    path.write_text(json.dumps(redacted(event)))
    assert check([path], RedactionRules()) == ()
