"""Who calls AWS: regions, profiles, roles, and what is shared among threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from botocore.stub import Stubber

from pytest_lambda_rollback.aws.clients import Account, Accounts
from pytest_lambda_rollback.aws.failures import reading
from pytest_lambda_rollback.errors import SourceError

CONFIG = """\
[default]
region = eu-central-1

[profile reader]
region = eu-north-1
aws_access_key_id = AKIAREADER
aws_secret_access_key = secret-of-reader

[profile nowhere]
aws_access_key_id = AKIANOWHERE
aws_secret_access_key = secret-of-nowhere

[profile signed-out]
region = eu-north-1
sso_start_url = https://sign-in.example/start
sso_region = eu-north-1
sso_account_id = 123456789012
sso_role_name = reader
"""


@pytest.fixture(autouse=True)
def _settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_DEFAULT_PROFILE",
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ROLE_ARN",
        "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_LAMBDA",
    ):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    config = tmp_path / "config"
    config.write_text(CONFIG)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))


def account(
    region: str | None = None, profile: str | None = None, role_arn: str | None = None
) -> Account:
    return Account(region=region, profile=profile, role_arn=role_arn)


def test_the_region_is_the_settings_own_then_the_environments_then_the_profiles(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert account().region == "eu-central-1"
    assert account(profile="reader").region == "eu-north-1"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    assert account().region == "eu-west-3"
    monkeypatch.setenv("AWS_REGION", "eu-west-2")
    assert account().region == "eu-west-2"
    assert account("eu-west-1").region == "eu-west-1"


def test_no_region_says_where_to_put_one() -> None:
    with pytest.raises(SourceError, match="no AWS region is set") as caught:
        _ = account(profile="nowhere").region
    assert "profile nowhere" in caught.value.why
    assert "AWS_REGION" in caught.value.do


@pytest.mark.parametrize("ask", ["region", "client"])
def test_a_profile_that_is_not_there_is_named(ask: str) -> None:
    asked = account(profile="gone") if ask == "region" else account("eu-west-1", "gone")
    with pytest.raises(SourceError, match="there is no AWS profile gone"):
        _ = asked.region if ask == "region" else asked.client("lambda")


def test_no_credentials_say_so_when_a_role_is_to_be_assumed() -> None:
    with pytest.raises(SourceError, match="there are no AWS credentials"):
        account("eu-west-1", role_arn="arn:aws:iam::123456789012:role/r").client("lambda")


def test_a_client_is_made_once_for_all_threads() -> None:
    here = account(profile="reader")
    with ThreadPoolExecutor(8) as pool:
        clients = list(pool.map(lambda _: here.client("lambda"), range(32)))
    assert len({id(client) for client in clients}) == 1
    assert clients[0].meta.region_name == "eu-north-1"
    assert "pytest-lambda-rollback/" in clients[0].meta.config.user_agent
    assert clients[0].meta.config.retries["mode"] == "adaptive"


def test_another_region_has_clients_of_its_own_with_the_same_credentials() -> None:
    here = account(profile="reader")
    assert here.region == "eu-north-1"
    there = here.in_region("eu-west-1")
    assert here.in_region("eu-north-1") is here
    assert here.in_region("eu-west-1") is there
    assert there.client("lambda").meta.region_name == "eu-west-1"
    signer = there.client("lambda")._request_signer
    assert signer._credentials.access_key == "AKIAREADER"


def test_equal_settings_are_one_account() -> None:
    accounts = Accounts()
    assert accounts.of("eu-west-1") is accounts.of("eu-west-1", None, None)
    assert accounts.of("eu-west-1") is not accounts.of("eu-west-2")
    assert accounts.of("eu-west-1", "reader") is not accounts.of("eu-west-1")


def test_no_credential_is_shown() -> None:
    here = account("eu-west-1", "reader")
    here.client("lambda")
    assert "secret-of-reader" not in repr(here)
    assert "AKIA" not in repr(here)
    assert "profile reader in eu-west-1" in repr(here)


def test_a_missing_sign_in_says_how_to_sign_in() -> None:
    client = account(profile="signed-out").client("lambda")
    with (
        pytest.raises(SourceError, match="SSO") as caught,
        reading(what="orders cannot be read", action="lambda:ListFunctions"),
    ):
        client.list_functions()
    assert "aws sso login" in caught.value.do


def test_a_role_is_assumed_when_a_request_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    here = account("eu-west-1", "reader", "arn:aws:iam::123456789012:role/reader")
    client = here.client("lambda")
    with Stubber(client) as stubbed:
        stubbed.add_response("list_functions", {"Functions": []})
        assert client.list_functions()["Functions"] == []
    assert client._request_signer._credentials.method == "assume-role"
