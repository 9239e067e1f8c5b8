"""What a user of the AWS source meets when something is wrong: the whole output of real commands.

Each case says that nothing is taken for safe, that the first line is the answer, that there is no
traceback, and that nothing secret is shown.
"""

from __future__ import annotations

import importlib
import json
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from helpers.account_content import (
    ROLE,
    Version,
    client_of,
    publish_function,
    publish_layer,
    zip_of,
)
from helpers.aws_emulator.server import AwsServer
from helpers.child_processes import heed_interrupts
from pytest_lambda_rollback import cli

SECRET = "planted-value-of-the-environment"
HANG_S = 100
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:orders"
NOTHING_HERE = "http://127.0.0.1:9"
"""The discard port: nothing listens there."""
SSO = """\
[profile dev]
sso_session = main
sso_account_id = 123456789012
sso_role_name = Reader
region = eu-west-1

[sso-session main]
sso_start_url = https://sign-in.example/start
sso_region = eu-west-1
sso_registration_scopes = sso:account:access
"""


@dataclass(frozen=True)
class Run:
    code: int
    text: str
    report: Any = None

    def shows(self, *parts: str) -> None:
        """The parts are there, whatever the width that lines were wrapped to."""
        joined = " ".join(self.text.split())
        for part in parts:
            assert part in joined, self.text

    def hides(self, *parts: str) -> None:
        for part in parts:
            assert part not in self.text, self.text


@dataclass(frozen=True)
class User:
    """Somebody in a project that only names a function, who may lose what AWS tools look at."""

    pytester: pytest.Pytester
    server: AwsServer
    patch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    @property
    def folder(self) -> Path:
        return self.pytester.path

    @property
    def store(self) -> Path:
        return self.folder / ".lambda-rollback"

    def configure(self, text: str) -> None:
        (self.folder / "lambda-rollback.toml").write_text(text)

    def set(self, name: str, value: str) -> None:
        self.patch.setenv(name, value)

    def forget(self, *names: str) -> None:
        for name in names:
            self.patch.delenv(name)

    def pytest(self, *arguments: str, select: str = "platform", own_process: bool = False) -> Run:
        """One cheap check for each strategy, or what stands for a function that is not known."""
        report = self.folder / "report.json"
        report.unlink(missing_ok=True)
        run_pytest = self.pytester.runpytest_inprocess
        if own_process:
            run_pytest = self.pytester.runpytest_subprocess
        done = run_pytest(
            "--lambda-rollback",
            "--lambda-rollback-engine=sandbox",
            f"--lambda-rollback-json={report.name}",
            "-q",
            "-pno:cacheprovider",
            "-k",
            f"({select}) or versions or targets",
            *arguments,
        )
        document = None
        if report.exists():
            document = json.loads(report.read_text())
            package = resources.files("pytest_lambda_rollback")
            schema = package.joinpath("reports/report.schema.json").read_text()
            jsonschema.validate(document, json.loads(schema))
            _check_clean(report.read_text())
        return _checked(int(done.ret), self.capsys, document)

    def sync(self, *arguments: str) -> Run:
        return self.console("sync", *arguments)

    def console(self, *arguments: str) -> Run:
        try:
            code = cli.main(arguments)
        except SystemExit as error:  # argparse's way to end
            code = int(error.code or 0)
        return _checked(code, self.capsys)


def _checked(code: int, capsys: pytest.CaptureFixture[str], report: Any = None) -> Run:
    captured = capsys.readouterr()
    text = captured.out + captured.err
    _check_clean(text)
    return Run(code, text, report)


def _check_clean(text: str) -> None:
    for unwanted in ("Traceback", "INTERNALERROR", "X-Amz-", SECRET, "a-secret-of-the-tests"):
        assert unwanted not in text, text


def policies_in(text: str) -> list[dict[str, Any]]:
    """The policy statements that a text holds, each once."""
    joined = " ".join(text.split())
    found = dict.fromkeys(re.findall(r'\{"Effect".*?\}', joined))
    return [json.loads(each) for each in found]


@pytest.fixture(scope="module", autouse=True)
def _loaded_once() -> None:
    """What a run loads late is loaded once, or each run in this process would do it again."""
    for name in (
        "pytest_run.active",
        "commands.sync",
        "aws.functions",
        "aws.locations",
        "aws.platform_facts",
    ):
        importlib.import_module(f"pytest_lambda_rollback.{name}")


@pytest.fixture
def user(
    pytester: pytest.Pytester,
    aws_environment: AwsServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> User:
    """The function ``orders`` has two versions on one layer, with one environment variable."""
    client = client_of(aws_environment)
    layer = publish_layer(client, "shared", {"python/shared.py": "X = 1\n"})
    version = Version(layers=[layer], environment={"KEY": SECRET})
    publish_function(client, "orders", [version, version])
    events = pytester.path / "events" / "orders"
    events.mkdir(parents=True)
    (events / "any.json").write_text("{}")
    home = pytester.path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / ".cache"))
    aws_environment.reset_counts()
    made = User(pytester=pytester, server=aws_environment, patch=monkeypatch, capsys=capsys)
    made.configure('[functions.orders]\naws = "orders"\n')
    return made


def both_say(user: User, *parts: str) -> None:
    """A run and a sync fail, say the same, and the report knows no verdict but unknown."""
    run = user.pytest()
    assert run.code == 1, run.text
    run.shows("unknown: ", *parts, "Nothing was checked for orders")
    assert run.report["verdict"] == "unknown"
    synced = user.sync()
    assert synced.code == 1, synced.text
    synced.shows("FAILED orders: ", *parts)


# --- credentials, sign-in, region, network -----------------------------------------------------


def test_no_credentials(user: User) -> None:
    user.forget("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    both_say(user, "there are no AWS credentials. Sign in (`aws sso login`")


def test_a_profile_that_is_not_there(user: User) -> None:
    user.set("AWS_PROFILE", "prod")
    both_say(user, "could not call AWS with the profile prod: there is no AWS profile prod")


@pytest.mark.parametrize("cached", [False, True], ids=["never signed in", "expired"])
def test_an_sso_session_that_is_over(user: User, cached: bool) -> None:
    user.forget("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_CONFIG_FILE")
    user.set("AWS_PROFILE", "dev")
    settings = Path.home() / ".aws"
    settings.mkdir()
    (settings / "config").write_text(SSO)
    if cached:
        tokens = settings / "sso" / "cache"
        tokens.mkdir(parents=True)
        token = {
            "startUrl": "https://sign-in.example/start",
            "region": "eu-west-1",
            "accessToken": SECRET,
            "expiresAt": "2020-01-01T00:00:00Z",
        }
        # botocore looks for a session's token under the SHA-1 of its name.
        (tokens / "b28b7af69320201d1cf206ebf28373980add1451.json").write_text(json.dumps(token))
    both_say(user, "(SSO) is missing or has expired. Run `aws sso login`")


def test_a_region_where_the_function_is_not(user: User) -> None:
    user.set("AWS_REGION", "eu-north-1")
    both_say(user, "the versions of orders in eu-north-1 cannot be read", "Check the name, the reg")


def test_no_region_at_all(user: User) -> None:
    user.forget("AWS_REGION", "AWS_DEFAULT_REGION")
    both_say(user, "no AWS region is set", 'Add region = "…"')


def test_an_endpoint_that_is_no_url_is_not_quoted(user: User) -> None:
    user.set("AWS_ENDPOINT_URL", f"user:{SECRET}")
    both_say(user, "the address of the AWS endpoint is not a URL. Correct AWS_ENDPOINT_URL")


def test_a_configuration_of_aws_that_cannot_be_read(user: User) -> None:
    (user.folder / "broken").write_text("[profile\n")
    user.set("AWS_CONFIG_FILE", str(user.folder / "broken"))
    both_say(user, "the AWS configuration cannot be used", "Correct ~/.aws/config")


def test_a_proxy_that_is_not_there_is_not_quoted(user: User) -> None:
    user.forget("NO_PROXY", "no_proxy")
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        user.set(name, f"http://user:{SECRET}@127.0.0.1:9")
    run = user.sync()
    assert run.code == 1
    run.shows("the proxy could not be reached. Check HTTPS_PROXY, and NO_PROXY")


def test_nothing_answers_and_the_archive_can_stand_in(user: User) -> None:
    assert user.sync().code == 0
    user.set("AWS_ENDPOINT_URL", NOTHING_HERE)
    run = user.pytest()
    assert run.code == 1
    run.shows("nothing answers at 127.0.0.1", "or use --lambda-rollback-offline: the archive knows")
    # Offline, nothing of what AWS tools look at is needed.
    user.forget("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION")
    user.set("AWS_PROFILE", "nowhere")
    offline = user.pytest("--lambda-rollback-offline", select="platform or any")
    assert offline.code == 0, offline.text


# --- permissions --------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["ListVersionsByFunction", "ListAliases"])
def test_what_planning_needs_is_refused(user: User, operation: str) -> None:
    user.server.fail(operation, "access-denied")
    both_say(user, f"lambda:{operation} is not allowed for these credentials")
    assert policies_in(user.sync().text) == [
        {"Effect": "Allow", "Action": f"lambda:{operation}", "Resource": FUNCTION}
    ]


@pytest.mark.parametrize(
    ("operation", "action", "resource"),
    [
        ("GetFunction", "lambda:GetFunction", FUNCTION),
        (
            "GetLayerVersionByArn",
            "lambda:GetLayerVersion",
            "arn:aws:lambda:eu-west-1:123456789012:layer:shared:1",
        ),
    ],
)
def test_a_download_is_refused(user: User, operation: str, action: str, resource: str) -> None:
    user.server.fail(operation, "access-denied")
    # A function's ARN matches none of its versions.
    both = [resource, f"{resource}:*"] if action == "lambda:GetFunction" else resource
    needed = [{"Effect": "Allow", "Action": action, "Resource": both}]
    run = user.pytest()
    assert run.code == 1
    run.shows("unknown: orders:1 by alias on platform", f"{action} is not allowed")
    assert policies_in(run.text) == needed
    synced = user.sync()
    assert synced.code == 1
    synced.shows("FAILED", "1 function with 3 versions")
    assert policies_in(synced.text) == needed


@pytest.mark.parametrize(
    ("operation", "resource"),
    [
        ("GetPolicy", [FUNCTION, f"{FUNCTION}:*"]),
        ("ListEventSourceMappings", "*"),
        ("GetRuntimeManagementConfig", [FUNCTION, f"{FUNCTION}:*"]),
        ("GetFunctionConcurrency", FUNCTION),
        ("ListProvisionedConcurrencyConfigs", FUNCTION),
        ("ListFunctionUrlConfigs", FUNCTION),
    ],
)
def test_a_fact_that_may_not_be_read_is_noted(
    user: User, operation: str, resource: str | list[str]
) -> None:
    user.server.fail(operation, "access-denied")
    run = user.pytest()
    assert run.code == 0, run.text
    run.shows("note: orders: could not determine ", f": lambda:{operation} was refused")
    assert policies_in(run.text) == [
        {"Effect": "Allow", "Action": f"lambda:{operation}", "Resource": resource}
    ]


def test_an_image_that_may_not_be_looked_up_fails_the_sync(user: User) -> None:
    client = client_of(user.server)
    client.create_function(
        FunctionName="boxed",
        PackageType="Image",
        Code={"ImageUri": f"registry.example/boxed@sha256:{'a' * 64}"},
        Role=ROLE,
        Publish=True,
    )
    user.configure('[functions.boxed]\naws = "boxed"\n[functions.orders]\naws = "orders"\n')
    user.server.fail("GetFunction", "access-denied", match="boxed")
    run = user.sync()
    assert run.code == 1
    run.shows(
        "FAILED boxed:1: could not determine the image of boxed:1: lambda:GetFunction",
        "2 functions with 5 versions",
        "3 packages fetched",
    )
    run.hides("container image")
    user.server.heal()
    again = user.sync()
    assert again.code == 0
    again.shows("2 versions are container images: recorded by digest")


# --- what is not there any more -----------------------------------------------------------------


def test_a_function_an_alias_and_a_version_that_are_gone(user: User) -> None:
    user.configure(
        '[functions.gone]\naws = "gone"\n'
        '[functions.unnamed]\naws = "orders"\ncurrent = "prod"\nevents = "events/orders"\n'
        '[functions.orders]\naws = "orders"\ntargets = ["7"]\n'
    )
    run = user.pytest()
    assert run.code == 1
    run.shows(
        "unknown: the versions of gone in eu-west-1 cannot be read: Function not found",
        'functions.unnamed.current names "prod", which is not a version or alias',
        'functions.orders.targets[0] names "7", which is not a version or alias',
    )
    synced = user.sync()
    assert synced.code == 1
    synced.shows("FAILED gone: ", "2 functions with 6 versions")


def test_a_layer_that_was_deleted_before_it_was_archived(user: User) -> None:
    client_of(user.server).delete_layer_version(LayerName="shared", VersionNumber=1)
    run = user.pytest()
    assert run.code == 1
    run.shows("the layer version was deleted", "publish the layer again and test a redeploy")
    synced = user.sync()
    assert synced.code == 0, "no sync can mend that"
    synced.shows("LOST shared 1: ", "needed by orders:$LATEST", "2 already there")


def verdicts_of(run: Run) -> dict[str, str]:
    """By strategy, of the one target and contract."""
    (function,) = run.report["functions"]
    return {each["strategy"]: each["checks"][0]["verdict"] for each in function["targets"]}


def test_what_aws_refuses_is_a_break_whatever_is_in_packages_that_cannot_be_had(
    user: User,
) -> None:
    client = client_of(user.server)
    client.update_function_configuration(FunctionName="orders", Layers=[])
    client.delete_layer_version(LayerName="shared", VersionNumber=1)
    run = user.pytest()
    assert run.code == 1
    assert verdicts_of(run) == {"alias": "unknown", "redeploy": "breaks"}
    run.shows(
        "breaks: platform: orders:1 by redeploy cannot be deployed on the layers of orders:2: "
        "shared 1 was deleted, $LATEST does not have it, and AWS refuses to add it",
        "handler and size of orders:1 were not checked: ",
    )


def test_a_version_that_is_gone_is_no_way_back_also_where_it_was_never_archived(
    user: User,
) -> None:
    assert user.pytest("--co").code == 0
    assert user.pytest().code == 0
    for package in (user.store / "objects").rglob("*.zip"):
        package.unlink()
    client_of(user.server).delete_function(FunctionName="orders", Qualifier="1")
    run = user.pytest()
    assert run.code == 1
    assert verdicts_of(run) == {"alias": "breaks", "redeploy": "unknown"}
    run.shows(
        "breaks: platform: orders:1 by alias is impossible: version 1 was deleted in AWS, so no "
        "alias can be pointed at it platform: version-deleted",
        "unknown: orders:1 by redeploy on platform: the code of orders:1 is unavailable: ",
    )


def test_a_layer_of_another_account_that_is_not_shared(user: User) -> None:
    arn = "arn:aws:lambda:eu-west-1:999999999999:layer:partner:7"
    user.server.add_foreign_layer(arn, zip_of({"python/partner.py": ""}), readable=False)
    publish_function(client_of(user.server), "foreign", [Version(layers=[arn]), Version()])
    user.configure('[functions.foreign]\naws = "foreign"\n[functions.orders]\naws = "orders"\n')
    synced = user.sync()
    assert synced.code == 1
    synced.shows("FAILED partner 7: ", "If account 999999999999 is not yours, its owner must gr")
    assert policies_in(synced.text)[0]["Resource"] == arn


@pytest.mark.parametrize("choice", ["placeholder", "fetch"])
def test_an_environment_that_cannot_be_decrypted_is_not_taken_for_an_empty_one(
    user: User, choice: str
) -> None:
    user.server.fail("*", "environment-error")
    user.configure(
        f'[functions.orders]\naws = {{ function_name = "orders", environment = "{choice}" }}\n'
    )
    run = user.pytest(select="any")
    assert run.code == 1
    run.shows("Lambda could not decrypt it", "kms:Decrypt", "under functions.orders.environment")
    assert run.report["verdict"] == "unknown"


# --- downloads, disks and lock files ------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("damaged", "the download of orders:1 is damaged: the download has SHA-256"),
        ("larger", "orders:1 cannot be downloaded: it is larger than the"),
        ("expired", "orders:1 cannot be downloaded: it was located 3 times"),
    ],
)
def test_a_download_that_is_not_what_aws_said(user: User, kind: str, said: str) -> None:
    user.server.fail("download", kind, match="orders:1")
    run = user.sync()
    assert run.code == 1
    run.shows("FAILED orders:1: ", said, "2 packages fetched")
    user.server.heal()
    again = user.sync()
    assert again.code == 0
    again.shows("1 package fetched", "2 already there")


def test_an_archive_that_cannot_be_made(user: User) -> None:
    user.store.write_text("a file where the folder is to be")
    run = user.pytest()
    assert run.code == 1
    run.shows("unknown: ", str(user.store), "or set another `store`")
    synced = user.sync()
    assert synced.code == 1
    synced.shows("FAILED orders: ", str(user.store), "or set another `store`")


def test_a_full_archive_whose_lock_cannot_be_taken_still_serves_runs(user: User) -> None:
    assert user.sync().code == 0
    lock = user.store / "locks" / ".lock"
    lock.unlink()
    lock.mkdir()  # what even root cannot open for writing
    run = user.pytest(select="platform or any")
    assert run.code == 0, run.text
    assert run.text.count("digests could not be saved for offline runs: ") == 1
    synced = user.sync()
    assert synced.code == 1
    synced.shows(f"FAILED orders: {lock} cannot be written")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text[:200], "is damaged: "),
        (
            lambda text: f"<<<<<<< HEAD\n{text}=======\n{text}>>>>>>> main\n",
            "is damaged: it holds both sides of a merge conflict. Take one side from version",
        ),
        (
            lambda text: text.replace('"lambda_rollback_lock": 1', '"lambda_rollback_lock": 99'),
            "was written by a later release of pytest-lambda-rollback",
        ),
    ],
    ids=["cut off", "merge conflict", "newer"],
)
def test_a_lock_file_that_cannot_be_read(user: User, change: Any, said: str) -> None:
    assert user.sync().code == 0
    path = user.store / "locks" / "orders.json"
    path.write_text(change(path.read_text()))
    both_say(user, f"the lock file {path} {said}")


def test_two_functions_of_one_name_in_one_store(user: User) -> None:
    publish_function(client_of(user.server, region_name="eu-north-1"), "orders")
    other = user.folder / "other"
    other.mkdir()
    user.configure('store = "shared"\n[functions.orders]\naws = "orders"\n')
    (other / "lambda-rollback.toml").write_text(
        'store = "../shared"\nregion = "eu-north-1"\n[functions.orders]\naws = "orders"\n'
        'events = "../events/orders"\n'
    )
    run = user.sync("--config", ".", "--config", "other")
    assert run.code == 1
    run.shows("FAILED orders: the archive's lock file is about another function", "own, as in `st")


# --- parts of a run -----------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [("--collect-only",), ("-k", "no_such_check")])
def test_why_nothing_is_known_is_said_where_no_check_says_it(
    user: User, arguments: tuple[str, ...]
) -> None:
    user.server.fail("ListVersionsByFunction", "access-denied")
    run = user.pytest(*arguments)
    run.shows(
        "lambda-rollback: orders was not checked: the versions of orders in eu-west-1",
        "lambda:ListVersionsByFunction is not allowed",
    )


def test_a_distributed_run_says_the_same(user: User) -> None:
    user.server.fail("GetFunction", "access-denied")
    run = user.pytest("-n", "2", own_process=True)
    assert run.code == 1, run.text
    run.shows("unknown: orders:1 by alias on platform", "lambda:GetFunction is not allowed")


@pytest.mark.parametrize(
    ("command", "operation"), [("pytest", "download"), ("sync", "ListVersionsByFunction")]
)
def test_an_interrupted_command_ends_and_leaves_nothing_unfinished(
    user: User, command: str, operation: str
) -> None:
    user.server.fail(operation, "slow", seconds=2)
    process, text = interrupted(user, command, operation)
    assert process.returncode == {"pytest": 2, "sync": 130}[command], text
    assert "Traceback" not in text
    assert "nothing was checked" not in text
    # Two threads read packages: each gave up the one that it had begun, and began no other.
    assert user.server.downloads() <= 2
    assert list(user.store.rglob("*.part")) == []
    user.server.heal()
    assert user.sync().code == 0


def interrupted(
    user: User, command: str, operation: str, *, within_s: float = HANG_S
) -> tuple[subprocess.Popen[str], str]:
    """Press Ctrl-C once the operation has begun."""
    arguments = {
        "pytest": ["pytest", "--lambda-rollback", "--lambda-rollback-engine=sandbox", "-q"],
        "sync": ["pytest_lambda_rollback.cli", "sync"],
    }
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments[command]],
        cwd=user.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=heed_interrupts,
    )
    try:
        deadline = time.monotonic() + HANG_S
        while not _asked(user.server, operation) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        text, _ = process.communicate(timeout=within_s)
    finally:
        process.kill()
        process.wait()
    return process, text


@pytest.mark.parametrize(
    ("command", "operation"),
    [("pytest", "download"), ("sync", "download"), ("sync", "ListVersionsByFunction")],
)
def test_an_interrupted_command_does_not_wait_for_what_hangs(
    user: User, command: str, operation: str
) -> None:
    user.server.fail(operation, "slow", seconds=4 * HANG_S)
    # Without being interrupted it waits for half a minute and then tries again.
    process, text = interrupted(user, command, operation, within_s=28)
    assert process.returncode == {"pytest": 2, "sync": 130}[command], text
    assert "Traceback" not in text
    user.server.heal()
    assert user.sync().code == 0


def _asked(server: AwsServer, operation: str) -> int:
    return server.downloads() if operation == "download" else server.requests(operation)


# --- the console script -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("snyc",), "invalid choice: 'snyc'"),
        (("sync", "--workers", "0"), "expected a whole number above 0, got '0'"),
        (("sync", "--config", "nowhere"), "--config names nowhere, which is not a configuration"),
        (("sync", "ordres"), 'Did you mean "orders"?'),
        (("clean", "--max-age-days", "-1"), "expected a number of 0 or more, got '-1'"),
    ],
)
def test_a_mistake_in_the_command_line(user: User, arguments: tuple[str, ...], said: str) -> None:
    run = user.console(*arguments)
    assert run.code == 2, run.text
    run.shows(said)


def test_clean_without_a_bound_says_so(user: User) -> None:
    run = user.console("clean")
    assert run.code == 0
    run.shows("no limit given: use --max-age-days or --max-mb", "0 removed")
