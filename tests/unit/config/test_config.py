"""What configuration files and options say, and what a mistake in them reads like."""

from __future__ import annotations

import re
import tomllib
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from helpers.made_versions import changed
from pytest_lambda_rollback.aws_lambda.event_sources.interface import INVOKERS
from pytest_lambda_rollback.config.files import (
    CommandLine,
    artifact_paths,
    check_candidates,
    is_config,
    load,
)
from pytest_lambda_rollback.errors import ConfigError
from pytest_lambda_rollback.model.settings import (
    Accept,
    FunctionSettings,
    LocalVersion,
    ResponseRule,
    Settings,
    Store,
    Strategy,
)
from pytest_lambda_rollback.model.versions import FunctionConfiguration, TargetRef

RUNTIMES = frozenset({"python3.11", "python3.13", "nodejs22.x"})
ENGINES = ("docker", "process")

VERSION = """
[functions.orders.versions.{version}]
code = "versions/{version}"
runtime = "python3.11"
handler = "app.handler"
"""

ORDERS = """
[functions.orders]
current = "4"
events = "events"
"""


def versions(*names: str) -> str:
    return "".join(VERSION.format(version=name) for name in names)


FOUR = versions("1", "2", "3", "4")

Load = Callable[..., Settings]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("1", "2", "3", "4", "10"):
        (tmp_path / "versions" / name).mkdir(parents=True)
    for name in ("layers/acme-shared-1", "layers/acme-shared-2", "events", "build/orders"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "events" / "create.json").write_text("{}")
    with zipfile.ZipFile(tmp_path / "build" / "orders.zip", "w") as archive:
        archive.writestr("app.py", "")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def loaded(project: Path) -> Load:
    def load_text(text: str, **options: object) -> Settings:
        path = project / "lambda-rollback.toml"
        path.write_text(text, encoding="utf-8")
        return load(
            path,
            CommandLine(directory=project, **options),  # type: ignore[arg-type]
            known_runtimes=RUNTIMES,
            engines=ENGINES,
        )

    return load_text


@pytest.fixture
def orders(loaded: Load) -> Callable[..., FunctionSettings]:
    return lambda text, **options: loaded(text, **options).function("orders")


@pytest.fixture
def refused(loaded: Load) -> Callable[..., str]:
    def message(text: str, **options: object) -> str:
        with pytest.raises(ConfigError) as caught:
            loaded(text, **options)
        return str(caught.value)

    return message


def refs(*names: str, function: str = "orders") -> tuple[TargetRef, ...]:
    return tuple(TargetRef(function=function, version=name) for name in names)


# --- which files ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "ours"),
    [
        ("lambda-rollback.toml", "", True),
        ("lambda-rollback.toml", "this is not TOML", True),
        ("other.toml", "[tool.lambda-rollback]", False),
        ("pyproject.toml", "[tool.lambda-rollback]\n", True),
        ("pyproject.toml", "[tool]\nlambda-rollback = {}\n", True),
        ("pyproject.toml", "[tool.other]\nlambda-rollback = 1\n", False),
        ("pyproject.toml", "# [tool.lambda-rollback]\n", False),
        ("pyproject.toml", "[tool.lambda-rollback\n", False),
        ("pyproject.toml", "tool = 'lambda-rollback'\n", False),
        ("pyproject.toml", b"[tool.lambda-rollback]\n# \xff\n", False),
    ],
)
def test_which_files_are_configurations(
    tmp_path: Path, name: str, content: str | bytes, ours: bool
) -> None:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    assert is_config(path) is ours


@pytest.mark.parametrize("name", ["lambda-rollback.toml", "pyproject.toml"])
def test_a_folder_or_nothing_is_no_configuration(tmp_path: Path, name: str) -> None:
    assert is_config(tmp_path / name) is False
    (tmp_path / name).mkdir()
    assert is_config(tmp_path / name) is False


def test_a_pyproject_table_has_the_same_content_and_its_keys_in_messages(
    project: Path,
) -> None:
    path = project / "pyproject.toml"
    text = (ORDERS + FOUR).replace("[functions", "[tool.lambda-rollback.functions")
    path.write_text(text)
    settings = load(path, CommandLine(directory=project), known_runtimes=RUNTIMES, engines=ENGINES)
    assert settings.path == path
    assert settings.function("orders").targets == refs("3", "2", "1")

    path.write_text(text.replace('"python3.11"', "3.11", 1))
    with pytest.raises(ConfigError) as caught:
        load(path, CommandLine(directory=project), known_runtimes=RUNTIMES, engines=ENGINES)
    assert str(caught.value) == (
        "pyproject.toml: tool.lambda-rollback.functions.orders.versions.1.runtime is a float "
        "(3.11), expected a string that is not empty. Name its Lambda runtime, "
        'as in runtime = "python3.13".'
    )


# --- what a correct file says ---------------------------------------------------------------


def test_a_small_file_gets_the_defaults(project: Path, loaded: Load) -> None:
    settings = loaded(ORDERS + FOUR)
    assert settings == Settings(
        path=project / "lambda-rollback.toml",
        functions=(
            FunctionSettings(
                name="orders",
                current=settings.functions[0].versions[3],
                targets=refs("3", "2", "1"),
                versions=settings.functions[0].versions,
                events=(project / "events" / "create.json",),
                events_root=project / "events",
                events_text="events",
            ),
        ),
        store=Store(path=project / ".lambda-rollback"),
    )
    assert settings.functions[0].current == LocalVersion(
        version="4",
        code=project / "versions" / "4",
        layers=(),
        configuration=FunctionConfiguration(runtime="python3.11", handler="app.handler"),
    )


def test_everything_that_can_be_said_arrives(project: Path, loaded: Load) -> None:
    settings = loaded(
        """
engine = "process"
strategies = ["alias"]
unknown = "skip"
workers = 5
region = "eu-west-1"
account = "000000000001"
base_images = { "provided.al2023" = "my/base:1" }

[functions.orders]
current = "live"
targets = [3, "orders-v1:stable", "orders:2"]
events = ["events"]
requires = ["acme-shared>=2,<3", "pydantic[email]~=2.7; python_version >= '3.11'"]
response = { mode = "exact", ignore = ["/headers/Date", "/items/*/id"] }
strategies = ["redeploy", "alias"]
aliases = { live = 4 }
region = "us-gov-west-1"
account = "000000000002"

[functions.orders.versions.4]
code = "build/orders.zip"
layers = ["layers/acme-shared-2", "build/../layers/acme-shared-1"]
runtime = "provided.al2023"
handler = "bootstrap"
architecture = "arm64"
environment = { TZ = "Europe/Berlin", AWS_LAMBDA_EXEC_WRAPPER = "/opt/wrap" }
memory_mb = 1769
timeout_s = 29
ephemeral_storage_mb = 1024

[[functions.orders.accept]]
target = 2
check = "gift_card*"
reason = "2 predates gift cards"
until = 2027-01-31

[[functions.orders.accept]]
target = "orders-v1:stable"
check = "*"
reason = "moved away"
until = 2027-02-28
strategy = "alias"

[functions.orders-v1]
current = "2"
events = "events"
aliases.stable = "1"
"""
        + versions("2", "3")
        + versions("1", "2").replace("orders", "orders-v1")
    )
    orders, old = settings.functions
    assert (settings.engine, settings.unknown, settings.workers) == ("process", "skip", 5)
    assert settings.base_images == (("provided.al2023", "my/base:1"),)
    assert orders.current == LocalVersion(
        version="4",
        code=project / "build" / "orders.zip",
        layers=(project / "layers" / "acme-shared-2", project / "layers" / "acme-shared-1"),
        configuration=FunctionConfiguration(
            runtime="provided.al2023",
            handler="bootstrap",
            architecture="arm64",
            environment=(("AWS_LAMBDA_EXEC_WRAPPER", "/opt/wrap"), ("TZ", "Europe/Berlin")),
            memory_mb=1769,
            timeout_s=29.0,
            ephemeral_storage_mb=1024,
        ),
    )
    assert orders.targets == refs("3") + refs("1", function="orders-v1") + refs("2")
    assert orders.requires[0] == "acme-shared>=2,<3"
    assert orders.response == ResponseRule(mode="exact", ignore=("/headers/Date", "/items/*/id"))
    assert orders.strategies == (Strategy.REDEPLOY, Strategy.ALIAS)
    assert (orders.region, orders.account) == ("us-gov-west-1", "000000000002")
    assert orders.accept == (
        Accept(
            target="2",
            check="gift_card*",
            reason="2 predates gift cards",
            until=date(2027, 1, 31),
        ),
        Accept(
            target="orders-v1:1",
            check="*",
            reason="moved away",
            until=date(2027, 2, 28),
            strategy=Strategy.ALIAS,
        ),
    )
    assert old.strategies == (Strategy.ALIAS,)
    assert (old.region, old.account) == ("eu-west-1", "000000000001")
    assert old.targets == refs("1", function="orders-v1")


def test_environment_values_are_not_in_the_repr(loaded: Load) -> None:
    text = ORDERS + FOUR + 'environment = { API_KEY = "swordfish" }\n'
    assert "swordfish" not in repr(loaded(text))


# --- targets --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("current", "targets", "expected"),
    [
        ('"4"', "", ("3", "2", "1")),
        ("4", "", ("3", "2", "1")),
        ('"3"', "", ("2", "1")),
        ('"10"', "", ("4", "3", "2")),
        ('"10"', "targets = { last = 9 }", ("4", "3", "2", "1")),
        ('"live"', "targets = { last = 1 }", ("2",)),
        ('"1"', "", ()),
        ('"$LATEST"', "targets = { last = 2 }", ("10", "4")),
        ('{ path = "build/orders" }', "", ("10", "4", "3")),
        ('"4"', "targets = []", ()),
        ('"4"', 'targets = ["1", "live", 2]', ("1", "3", "2")),
        ('"3"', 'targets = ["10"]', ("10",)),
    ],
)
def test_targets(
    orders: Callable[..., FunctionSettings], current: str, targets: str, expected: tuple[str, ...]
) -> None:
    text = f'[functions.orders]\ncurrent = {current}\n{targets}\nevents = "events"\n'
    latest = versions("4").replace("versions.4", 'versions."$LATEST"')
    text += 'aliases = { live = "3" }\n' + versions("1", "10", "2", "3", "4") + latest
    assert orders(text).targets == refs(*expected)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"last": 1}, ("3",)),
        ({"last": 9}, ("3", "2", "1")),
        ({"candidates": ("build/orders",)}, ("1",)),
        ({"candidates": ("build/orders",), "last": 2}, ("4", "3")),
    ],
)
def test_the_last_option_overrules_targets(
    orders: Callable[..., FunctionSettings], options: dict[str, object], expected: tuple[str, ...]
) -> None:
    text = ORDERS + 'targets = ["1"]\n' + FOUR
    assert orders(text, **options).targets == refs(*expected)


# --- candidates -----------------------------------------------------------------------------


def test_a_candidate_inherits_what_it_does_not_say(
    project: Path, orders: Callable[..., FunctionSettings]
) -> None:
    text = (
        '[functions.orders]\nevents = "events"\n'
        'current = { path = "build/orders", runtime = "python3.13", layers = [] }\n'
    )
    text += FOUR + 'memory_mb = 512\nenvironment = { TABLE = "t" }\n'
    function = orders(text)
    assert function.current == changed(
        function.versions[3],
        version="candidate",
        code=project / "build" / "orders",
        runtime="python3.13",
        layers=(),
    )
    assert function.current.configuration.memory_mb == 512
    assert function.inherited == (
        "handler from 4",
        "architecture from 4",
        "environment from 4",
        "memory_mb from 4",
        "timeout_s from 4",
        "ephemeral_storage_mb from 4",
    )


def test_a_candidate_inherits_from_latest_where_there_is_one(
    orders: Callable[..., FunctionSettings],
) -> None:
    text = ORDERS + FOUR + versions("1").replace("versions.1", 'versions."$LATEST"')
    text += 'layers = ["layers/acme-shared-2"]\n'
    function = orders(text, candidates=("build/orders.zip",))
    assert [path.name for path in function.current.layers] == ["acme-shared-2"]
    assert function.inherited[0] == "layers from $LATEST"


def test_the_candidate_option_replaces_the_path_and_keeps_what_the_file_says_of_it(
    project: Path, orders: Callable[..., FunctionSettings]
) -> None:
    text = ORDERS.replace('"4"', '{ path = "build/orders", timeout_s = 9 }') + FOUR
    function = orders(text, candidates=("orders=build/orders.zip",))
    assert function.current.code == project / "build" / "orders.zip"
    assert function.current.configuration.timeout_s == 9
    assert "timeout_s from 4" not in function.inherited


def test_a_candidate_path_is_relative_to_where_pytest_was_called(project: Path) -> None:
    path = project / "sub" / "lambda-rollback.toml"
    path.parent.mkdir()
    path.write_text((ORDERS + FOUR).replace('code = "', 'code = "../').replace("events =", "#"))
    path.write_text(
        path.read_text().replace('current = "4"', 'current = "4"\nevents = "../events"')
    )
    line = CommandLine(directory=project / "build", candidates=("orders",))
    settings = load(path, line, known_runtimes=RUNTIMES, engines=ENGINES)
    assert settings.functions[0].current.code == project / "build" / "orders"


def test_a_candidate_for_a_function_of_another_file_is_left_to_that_file(
    orders: Callable[..., FunctionSettings],
) -> None:
    assert orders(ORDERS + FOUR, candidates=("billing=nowhere",)).current.version == "4"


def test_a_function_may_leave_current_to_the_candidate_option(
    orders: Callable[..., FunctionSettings],
) -> None:
    text = '[functions.orders]\nevents = "events"\n' + FOUR
    assert orders(text, candidates=("build/orders",)).current.version == "candidate"


def test_candidates_are_checked_against_all_files(loaded: Load) -> None:
    first = loaded(ORDERS + FOUR)
    other = replace(first, functions=(replace(first.functions[0], name="billing"),))
    for text in ("orders=x", "billing=x"):
        check_candidates(CommandLine(candidates=(text,)), [first, other])
    check_candidates(CommandLine(candidates=("x",)), [first])
    with pytest.raises(ConfigError) as unknown:
        check_candidates(CommandLine(candidates=("order=x",)), [first, other])
    assert str(unknown.value) == (
        '--lambda-rollback-candidate names the function "order", which no collected '
        'configuration declares. Did you mean "orders"? Functions are billing and orders.'
    )
    with pytest.raises(ConfigError) as bare:
        check_candidates(CommandLine(candidates=("x",)), [first, other])
    assert str(bare.value) == (
        "--lambda-rollback-candidate x does not name the function that it is a build of: "
        "2 configuration files were collected. Write FUNCTION=x; functions are billing and orders."
    )
    twin = replace(first, path=first.path.parent / "b" / "lambda-rollback.toml")
    line = CommandLine(candidates=("orders=x",), directory=first.path.parent)
    with pytest.raises(ConfigError) as twice:
        check_candidates(line, [first, other, twin])
    assert str(twice.value) == (
        '--lambda-rollback-candidate orders=x could be a build of "orders" in several files: '
        "lambda-rollback.toml and b/lambda-rollback.toml declare one each. "
        "Run pytest on one of the files, as in pytest --lambda-rollback lambda-rollback.toml."
    )


# --- precedence -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("in_file", "options", "expected"),
    [
        ("", {}, ("auto", 2, True)),
        ('engine = "docker"\nworkers = 7', {}, ("docker", 7, True)),
        (
            'engine = "docker"\nworkers = 7',
            {"engine": "process", "workers": 1, "no_cache": True},
            ("process", 1, False),
        ),
    ],
)
def test_command_line_then_file_then_default(
    loaded: Load, in_file: str, options: dict[str, object], expected: tuple[object, ...]
) -> None:
    settings = loaded(f"{in_file}\n{ORDERS}{FOUR}", **options)
    assert (settings.engine, settings.workers, settings.use_cache) == expected


@pytest.mark.parametrize(
    ("of_file", "of_function", "option", "expected"),
    [
        ("", "", (), ("alias", "redeploy")),
        ('["redeploy"]', "", (), ("redeploy",)),
        ('["redeploy"]', '["alias"]', (), ("alias",)),
        ('["redeploy"]', '["alias"]', ("redeploy",), ("redeploy",)),
        ('["alias", "alias"]', "", (), ("alias",)),
    ],
)
def test_strategies_from_option_function_file_default(
    orders: Callable[..., FunctionSettings],
    of_file: str,
    of_function: str,
    option: tuple[str, ...],
    expected: tuple[str, ...],
) -> None:
    text = f"strategies = {of_file}\n" if of_file else ""
    text += ORDERS + (f"strategies = {of_function}\n" if of_function else "") + FOUR
    assert orders(text, strategies=option).strategies == expected


@pytest.mark.parametrize(
    ("of_file", "of_function", "expected"), [("", "", 60.0), ("5", "", 5.0), ("5", "0.5", 0.5)]
)
def test_the_cold_budget_from_function_file_default(
    orders: Callable[..., FunctionSettings], of_file: str, of_function: str, expected: float
) -> None:
    text = f"cold_budget_s = {of_file}\n" if of_file else ""
    text += ORDERS + (f"cold_budget_s = {of_function}\n" if of_function else "") + FOUR
    assert orders(text).cold_budget_s == expected


def test_base_images_of_file_and_option_are_joined(loaded: Load) -> None:
    text = 'base_images = { "python3.11" = "of-file:1", ruby9 = "of-file:2" }\n' + ORDERS + FOUR
    settings = loaded(text, base_images=("python3.11=of-option:1@sha256:a=b",))
    assert settings.base_images == (
        ("python3.11", "of-option:1@sha256:a=b"),
        ("ruby9", "of-file:2"),
    )


def test_an_image_makes_a_runtime_known(loaded: Load) -> None:
    text = ORDERS + FOUR.replace("python3.11", "python9.9")
    settings = loaded(text, base_images=("python9.9=mine:1",))
    assert settings.functions[0].current.configuration.runtime == "python9.9"


def test_invoked_by_is_of_the_function(orders: Callable[..., FunctionSettings]) -> None:
    assert orders(ORDERS + FOUR).invoked_by is None
    for reader in INVOKERS:
        text = f'{ORDERS}invoked_by = "{reader}"\n{FOUR}'
        assert orders(text).invoked_by == reader


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({}, ["a", "b"]),
        ({"last": 1}, []),
        ({"last": 2}, ["a", "b"]),
        ({"strategies": ("alias",)}, ["a"]),
        ({"strategies": ("redeploy",)}, ["a", "b"]),
    ],
)
def test_acceptances_of_what_the_command_line_leaves_out_are_no_mistake(
    orders: Callable[..., FunctionSettings], options: dict[str, object], kept: list[str]
) -> None:
    accept = '[[functions.orders.accept]]\ntarget = "2"\nreason = "r"\nuntil = 2027-01-31\n'
    text = ORDERS + FOUR + accept + 'check = "a"\n' + accept + 'check = "b"\n'
    text += 'strategy = "redeploy"\n'
    assert [accept.check for accept in orders(text, **options).accept] == kept


# --- events ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "root", "names"),
    [
        ('"events"', "events", ["a-b", "create", "sqs/batch", "sqs/deep/one"]),
        ('"events/"', "events", ["a-b", "create", "sqs/batch", "sqs/deep/one"]),
        ('"events/sqs"', "events/sqs", ["batch", "deep/one"]),
        ('"events/*.json"', "events", ["a-b", "create"]),
        ('"events/**/*.json"', "events", ["a-b", "create", "sqs/batch", "sqs/deep/one"]),
        ('"events/*/b*"', "events", ["sqs/batch"]),
        ('"events/create.json"', "events", ["create"]),
        ('["events/c*", "events/sqs/deep"]', "events", ["create", "sqs/deep/one"]),
        ('["events", "events/*.json"]', "events", ["a-b", "create", "sqs/batch", "sqs/deep/one"]),
        ('"events/x*.json"', "events", []),
        ('"layers"', "layers", []),
        ("[]", "", []),
    ],
)
def test_events_are_named_below_their_root(
    project: Path,
    orders: Callable[..., FunctionSettings],
    events: str,
    root: str,
    names: list[str],
) -> None:
    for name in ("a-b.json", "notes.txt", "sqs/batch.json", "sqs/deep/one.json"):
        path = project / "events" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    function = orders(ORDERS.replace('"events"', events) + FOUR)
    assert function.events_root == project / root
    assert [function.event_name(path) for path in function.events] == names
    assert all(path.is_absolute() for path in function.events)


def test_a_folder_with_glob_characters_in_its_name_is_a_folder(
    project: Path, orders: Callable[..., FunctionSettings]
) -> None:
    (project / "events[1]").mkdir()
    (project / "events[1]" / "one.json").write_text("{}")
    function = orders(ORDERS.replace('"events"', '"events[1]"') + FOUR)
    assert [path.name for path in function.events] == ["one.json"]


@pytest.mark.parametrize(
    ("events", "root"),
    [
        ("", "events/orders"),
        ('events = "recorded/orders"', "recorded/orders"),
        ('events = "recorded/*.json"', "recorded"),
        ('events = "recorded/one.json"', "recorded"),
        ('events = ["recorded/orders", "recorded/refunds"]', "recorded"),
    ],
    ids=["key", "folder", "folder of a glob", "file", "several"],
)
def test_a_command_that_replays_nothing_needs_no_events(
    project: Path, events: str, root: str
) -> None:
    path = project / "lambda-rollback.toml"
    path.write_text(ORDERS.replace('events = "events"', events) + FOUR, encoding="utf-8")
    settings = load(
        path,
        CommandLine(directory=project),
        known_runtimes=RUNTIMES,
        engines=ENGINES,
        events_required=False,
    )
    function = settings.function("orders")
    assert (function.events, function.events_root) == ((), project / root)
    with pytest.raises(ConfigError, match=r"functions\.orders\.events (is missing|names)"):
        load(path, CommandLine(directory=project), known_runtimes=RUNTIMES, engines=ENGINES)


# --- folders that pytest must keep out of ---------------------------------------------------


def test_published_folders_are_not_collected_but_working_folders_are(
    project: Path, loaded: Load
) -> None:
    (project / "src").mkdir()
    text = ORDERS.replace('"4"', '{ path = "build/orders", layers = ["layers/acme-shared-1"] }')
    text += versions("1") + 'layers = ["layers/acme-shared-2"]\n'
    text += versions("2").replace("versions/2", "build/orders.zip")
    text += versions("3").replace("versions.3", 'versions."$LATEST"').replace("versions/3", "src")
    text += versions("4").replace("versions/4", ".")
    expected = ("versions/1", "layers/acme-shared-1", "layers/acme-shared-2", "events")
    assert artifact_paths(loaded(text)) == {project / name for name in expected}


def test_a_candidate_with_installed_packages_is_a_build_and_not_collected(
    project: Path, loaded: Load
) -> None:
    (project / "build" / "orders" / "PyJWT-2.8.0.dist-info").mkdir()
    text = ORDERS.replace('"4"', '{ path = "build/orders" }') + FOUR
    assert project / "build" / "orders" in artifact_paths(loaded(text))


# --- mistakes -------------------------------------------------------------------------------

ACCEPT = """
[[functions.orders.accept]]
target = "2"
check = "*"
reason = "because"
until = 2027-01-31
"""
MISTAKES: dict[str, dict[str, Any]] = tomllib.loads(
    Path(__file__).with_name("mistakes.toml").read_text(encoding="utf-8")
)


def text_of(mistake: dict[str, Any]) -> str:
    """The configuration file of a mistake; mistakes.toml says what its keys mean."""
    if "file" in mistake:
        return str(mistake["file"])
    lines = {key: f"{mistake[key]}\n" for key in ("before", "function", "after") if key in mistake}
    text = ORDERS + lines.get("function", "") + FOUR + (ACCEPT if "accept" in mistake else "")
    if "replace" in mistake:
        old, new = mistake["replace"]
        head, _, tail = text.rpartition(old)
        text = head + new + tail
    return lines.get("before", "") + text + lines.get("after", "")


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_with_its_place(
    project: Path, refused: Callable[..., str], name: str
) -> None:
    (project / "broken.zip").write_bytes(b"PK\x03\x04 and no more")
    (project / "reserved").mkdir()
    (project / "reserved" / "state.json").write_text("{}")

    found = refused(text_of(MISTAKES[name]))

    message = MISTAKES[name]["message"].replace("{project}", str(project))
    head, _, tail = message.partition("{…}")
    assert found == head + found[len(head) : len(found) - len(tail)] * ("{…}" in message) + tail


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_uses_known_keys_on_the_usual_file(name: str) -> None:
    mistake = MISTAKES[name]
    assert set(mistake) <= {"file", "before", "function", "after", "accept", "replace", "message"}
    usual = ORDERS + FOUR + (ACCEPT if "accept" in mistake else "")
    assert mistake.get("replace", [usual])[0] in usual


def test_too_large_an_environment(refused: Callable[..., str]) -> None:
    text = ORDERS + FOUR + f'environment = {{ BLOB = "{"x" * 4093}" }}\n'
    assert refused(text) == (
        "lambda-rollback.toml: functions.orders.versions.4.environment has 4097 bytes of names "
        "and values: AWS Lambda allows at most 4096. Keep the variables that the published "
        "version has."
    )


TWO = ORDERS + FOUR + (ORDERS + FOUR).replace("orders", "billing")

WRONG_OPTIONS = {
    "engine": (
        {"engine": "podman"},
        '--lambda-rollback-engine is "podman", which is not an engine: engines are auto, docker '
        "and process. Other engines need a plugin that adds them.",
    ),
    "strategy": (
        {"strategies": ("revert",)},
        '--lambda-rollback-strategy names "revert", expected alias or redeploy.',
    ),
    "last": (
        {"last": 0},
        "--lambda-rollback-last is an integer (0), expected a whole number of at least 1.",
    ),
    "workers": (
        {"workers": -1},
        "--lambda-rollback-workers is an integer (-1), expected a whole number of at least 1.",
    ),
    "base image": (
        {"base_images": ("python3.11",)},
        '--lambda-rollback-base-image is "python3.11", expected RUNTIME=IMAGE. Write it like '
        "python3.13=my-registry/lambda-python:3.13.",
    ),
    "candidate for one of two": (
        {"candidates": ("build/orders",)},
        "--lambda-rollback-candidate build/orders does not name the function that it is a build "
        "of: "
        "lambda-rollback.toml has orders and billing. Write FUNCTION=build/orders, as in "
        "--lambda-rollback-candidate orders=build/orders.",
    ),
    "candidate that is not there": (
        {"candidates": ("orders=build/order",)},
        '--lambda-rollback-candidate names "build/order", which does not exist: looked for '
        '{project}/build/order. Did you mean "orders"? {project}/build has that.',
    ),
    "candidate without a path": (
        {"candidates": ("orders=",)},
        '--lambda-rollback-candidate is "orders=", expected [FUNCTION=]PATH.',
    ),
    "candidate twice": (
        {"candidates": ("orders=build/orders", "orders=build/orders.zip")},
        "--lambda-rollback-candidate is given twice for orders. Give it once.",
    ),
}


@pytest.mark.parametrize(("options", "message"), WRONG_OPTIONS.values(), ids=WRONG_OPTIONS.keys())
def test_a_wrong_option_is_told_by_its_name(
    project: Path, refused: Callable[..., str], options: dict[str, object], message: str
) -> None:
    assert refused(TWO, **options) == message.replace("{project}", str(project))


EVERY_KEY = """
engine = "auto"
strategies = ["alias"]
unknown = "fail"
workers = 1
region = "eu-west-1"
account = "123456789012"
base_images = { ruby9 = "image" }
[functions.orders]
current = { path = "build/orders", layers = [], handler = "app.handler" }
targets = ["2"]
events = ["events"]
requires = ["acme-shared>=2"]
response = { mode = "shape", ignore = ["/id"] }
strategies = ["alias"]
aliases = { live = "2" }
region = "eu-west-1"
account = "123456789012"
[functions.orders.versions.2]
code = "versions/2"
layers = ["layers/acme-shared-1"]
runtime = "python3.11"
handler = "app.handler"
architecture = "arm64"
environment = { TABLE = "orders" }
memory_mb = 128
timeout_s = 3.0
ephemeral_storage_mb = 512
[[functions.orders.accept]]
target = "2"
check = "*"
reason = "because"
until = 2027-01-31
strategy = "alias"
"""
INLINE = re.findall(r"(?<=[{,] )\w+ = [^,}]+(?=,| })", EVERY_KEY)
LINES = re.findall(r"^\w+ = .+$", EVERY_KEY, re.MULTILINE)


@pytest.mark.parametrize(
    "value",
    ["0", "-1", "1e400", "nan", "true", '""', '"\\u0000"', '"~/[*"', "1979-05-27", "07:32:00",
     "[]", "[[]]", "[{}]", '["", 1]', "{}", "{ x = 1 }", "9" * 30, '".."', '"**.json"'],
)  # fmt: skip
def test_no_value_of_any_key_ends_in_a_traceback(project: Path, loaded: Load, value: str) -> None:
    assert loaded(EVERY_KEY).functions[0].current.version == "candidate"
    messages = []
    for assignment in INLINE + LINES:
        key = assignment.partition(" ")[0]
        try:
            loaded(EVERY_KEY.replace(assignment, f"{key} = {value}"))
        except ConfigError as error:
            messages.append(str(error))
    assert len(messages) > len(INLINE + LINES) / 2
    assert {message.partition(": ")[0] for message in messages} == {"lambda-rollback.toml"}


def test_a_mistake_in_the_file_shows_even_where_an_option_overrules_it(
    refused: Callable[..., str],
) -> None:
    message = refused('engine = "dokcer"\n' + ORDERS + FOUR, engine="docker")
    assert message.startswith("lambda-rollback.toml: engine is")


def test_a_value_in_an_environment_is_never_shown(refused: Callable[..., str]) -> None:
    assert "5550123" not in refused(ORDERS + FOUR + "environment = { PIN = 5550123 }\n")


def test_a_file_that_is_not_utf8_or_not_there(project: Path) -> None:
    path = project / "lambda-rollback.toml"
    with pytest.raises(ConfigError, match=r"^lambda-rollback\.toml cannot be read: No such file"):
        load(path, CommandLine(directory=project), known_runtimes=RUNTIMES, engines=ENGINES)
    path.write_bytes(b"engine = '\xff'")
    with pytest.raises(ConfigError, match=r"^lambda-rollback\.toml is not UTF-8 text: byte 10 "):
        load(path, CommandLine(directory=project), known_runtimes=RUNTIMES, engines=ENGINES)


def test_a_file_elsewhere_is_named_by_its_whole_path(project: Path) -> None:
    path = project / "lambda-rollback.toml"
    path.write_text("[functions]\n")
    with pytest.raises(ConfigError) as caught:
        load(
            path, CommandLine(directory=project / "build"), known_runtimes=RUNTIMES, engines=ENGINES
        )
    assert str(caught.value).startswith(f"{path}: functions is empty.")
