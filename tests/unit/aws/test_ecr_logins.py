"""Logins to registries: to whom they are given, how long they are kept, what is never shown."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pytest_lambda_rollback.aws.ecr_logins import EcrRegistry, RegistryLogins, ecr_registry
from pytest_lambda_rollback.errors import SourceError

# ECR's own names with another domain at the end.
HOST = "123456789012.dkr.ecr.eu-west-1.registry.example"
OTHER_ACCOUNT = "210987654321.dkr.ecr.eu-west-1.registry.example"
URI = f"{HOST}/team/orders@sha256:{'a' * 64}"


def authorization(text: str = "AWS:the-password", **changes: Any) -> dict[str, Any]:
    data = {
        "authorizationToken": base64.b64encode(text.encode()).decode(),
        "expiresAt": datetime.now(UTC) + timedelta(hours=12),
        "proxyEndpoint": f"https://{HOST}",
    }
    return {"authorizationData": [data | changes]}


class FakeAccount:
    """The part of an account that a login needs; counts what is asked of ECR."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = authorization() if answer is None else answer
        self.asked: list[str] = []
        self._region = ""

    def in_region(self, region: str) -> FakeAccount:
        self._region = region
        return self

    def client(self, service: str) -> FakeAccount:
        assert service == "ecr"
        return self

    def get_authorization_token(self) -> Any:
        self.asked.append(self._region)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def logins(account: FakeAccount) -> RegistryLogins:
    return RegistryLogins(account)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("host", "region", "dual_stack"),
    [
        ("123456789012.dkr.ecr.eu-west-1.aws.example", "eu-west-1", False),
        ("123456789012.dkr.ecr-fips.us-east-2.aws.example", "us-east-2", False),
        ("123456789012.dkr.ecr.us-gov-west-1.aws.example", "us-gov-west-1", False),
        ("123456789012.dkr.ecr.cn-north-1.aws.example.cn", "cn-north-1", False),
        ("123456789012.dkr-ecr.ap-southeast-2.on.example", "ap-southeast-2", True),
        ("123456789012.dkr-ecr-fips.us-gov-east-1.on.example", "us-gov-east-1", True),
    ],
)
def test_region_and_account_are_in_the_host_name(host: str, region: str, dual_stack: bool) -> None:
    assert ecr_registry(f"{host}/orders@sha256:{'a' * 64}") == EcrRegistry(
        account="123456789012",
        region=region,
        domain=host.partition(f"{region}.")[2],
        dual_stack=dual_stack,
    )


@pytest.mark.parametrize(
    "uri",
    [
        "registry.example/orders@sha256:0",
        "127.0.0.1:5000/orders",
        "orders:latest",
        f"registry.example/{HOST}/orders",
        "12345.dkr.ecr.eu-west-1.aws.example/orders",
        "123456789012.dkr.ecr.aws.example/orders",
    ],
)
def test_other_registries_get_no_login_and_ask_nothing(uri: str) -> None:
    account = FakeAccount()

    assert logins(account).login(uri) is None
    assert account.asked == []


def test_one_login_serves_all_accounts_of_a_region_until_it_nearly_ends() -> None:
    account = FakeAccount()
    made = logins(account)

    assert made.login(URI) == ("AWS", "the-password")
    assert made.login(f"{OTHER_ACCOUNT}/orders") == ("AWS", "the-password")
    assert account.asked == ["eu-west-1"]

    made.login(URI.replace("eu-west-1", "eu-north-1"))
    assert account.asked == ["eu-west-1", "eu-north-1"]


def test_login_that_ends_soon_is_renewed() -> None:
    account = FakeAccount(authorization(expiresAt=datetime.now(UTC) + timedelta(minutes=5)))
    made = logins(account)
    made.login(URI)
    account.answer = authorization("AWS:the-next")

    assert made.login(URI) == ("AWS", "the-next")
    assert len(account.asked) == 2


@pytest.mark.parametrize(
    "host",
    [
        "123456789012.dkr.ecr.eu-west-1.registry.example.thief.example",
        "123456789012.dkr.ecr.eu-west-1.thief.example",
        "123456789012.dkr-ecr.eu-west-1.thief.example",
    ],
)
def test_host_that_only_looks_like_ecrs_gets_no_password(host: str) -> None:
    assert logins(FakeAccount()).login(f"{host}/orders") is None


def test_refusal_names_the_permission() -> None:
    refused = ClientError(
        {
            "Error": {
                "Code": "AccessDeniedException",
                "Message": "User: x is not authorized to perform: ecr:GetAuthorizationToken "
                "on resource: * because no identity-based policy allows it",
            },
            "ResponseMetadata": {"HTTPStatusCode": 400},
        },
        "GetAuthorizationToken",
    )

    with pytest.raises(SourceError) as raised:
        logins(FakeAccount(refused)).login(URI)

    text = str(raised.value)
    assert text.startswith(
        "no login to the ECR registry of account 123456789012 in eu-west-1: "
        "ecr:GetAuthorizationToken is not allowed"
    )


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"authorizationData": []},
        authorization("a-secret-without-a-user"),
        authorization(authorizationToken="not base64 a-secret"),
        authorization(proxyEndpoint="https://somewhere.example"),
    ],
)
def test_answer_that_is_no_login_is_refused_without_showing_it(answer: Any) -> None:
    with pytest.raises(SourceError, match="does not have the documented form") as raised:
        logins(FakeAccount(answer)).login(URI)

    error = raised.value
    assert "secret" not in f"{error}{error!r}"
    assert error.__cause__ is None


def test_password_is_in_no_repr() -> None:
    made = logins(FakeAccount())
    made.login(URI)

    assert "the-password" not in repr(vars(made))
