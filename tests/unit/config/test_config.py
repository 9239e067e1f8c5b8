"""What configuration files and options say, and what a mistake in them reads like."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from helpers.made_versions import changed
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
        "(3.11), expected a string that is not empty. Say which Lambda runtime it is bound to, "
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
        "--lambda-rollback-candidate x does not say which function it is a build of: "
        "2 configuration files were collected. Write FUNCTION=x; functions are billing and orders."
    )
    twin = replace(first, path=first.path.parent / "b" / "lambda-rollback.toml")
    line = CommandLine(candidates=("orders=x",), directory=first.path.parent)
    with pytest.raises(ConfigError) as twice:
        check_candidates(line, [first, other, twin])
    assert str(twice.value) == (
        '--lambda-rollback-candidate orders=x may be of either function "orders": '
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

HANDLER = 'Name the module and the function in it, as in handler = "app.handler".'
WANTED = "functions.orders.versions.4"
ACCEPT = """
[[functions.orders.accept]]
target = "2"
check = "*"
reason = "because"
until = 2027-01-31
"""


def four(old: str, new: str) -> str:
    """The usual file with a change in its last version."""
    text = ORDERS + FOUR
    at = text.rindex(old)
    return text[:at] + new + text[at + len(old) :]


MISTAKES = {
    "not TOML": (
        "engine = docker",
        "lambda-rollback.toml is not valid TOML: {…}(at line 1, column 10). "
        "Correct the file at that place.",
    ),
    "unknown key of the file": (
        'engin = "auto"\n' + ORDERS + FOUR,
        'lambda-rollback.toml: unknown key "engin" in the file. Did you mean "engine"? Known keys '
        "are account, aws, base_images, discover, engine, functions, redact, region, store, "
        "strategies, unknown, workers.",
    ),
    "unknown key of a function": (
        ORDERS.replace("current", "curent") + FOUR,
        'lambda-rollback.toml: unknown key "curent" in functions.orders. Did you mean "current"? '
        "Known keys are accept, account, aliases, aws, current, events, region, requires, "
        "response, strategies, targets, versions.",
    ),
    "unknown key of a version": (
        ORDERS + FOUR + "memory = 128\n",
        f'lambda-rollback.toml: unknown key "memory" in {WANTED}. Did you mean "memory_mb"? Known '
        "keys are architecture, code, environment, ephemeral_storage_mb, handler, layers, "
        "memory_mb, runtime, timeout_s.",
    ),
    "unknown key of targets": (
        ORDERS + "targets = { newest = 3 }\n" + FOUR,
        'lambda-rollback.toml: unknown key "newest" in functions.orders.targets. Known keys are '
        "last.",
    ),
    "engine nobody knows": (
        'engine = "dokcer"\n' + ORDERS + FOUR,
        'lambda-rollback.toml: engine is "dokcer", which is not an engine: engines are auto, '
        'docker and process. Did you mean "docker"? Others need the plugin that adds them.',
    ),
    "versions here and in AWS": (
        '[functions.orders]\naws = "orders-prod"\nevents = "events"\n' + FOUR,
        "lambda-rollback.toml: functions.orders.versions is said beside lambda-rollback.toml: "
        "functions.orders.aws: the versions of orders come from AWS. Keep one of the two.",
    ),
    "no functions": (
        'engine = "auto"\n',
        "lambda-rollback.toml: functions is missing: expected a table. "
        "Declare one, as in [functions.orders].",
    ),
    "empty functions": (
        "[functions]\n",
        "lambda-rollback.toml: functions is empty. Declare one, as in [functions.orders].",
    ),
    "function that is no table": (
        "functions.orders = 4\n",
        "lambda-rollback.toml: functions.orders is an integer (4), expected a table.",
    ),
    "function name": (
        '[functions."orders::v1"]\n',
        'lambda-rollback.toml: functions."orders::v1" is no function name: AWS Lambda takes 1 to '
        "64 letters, digits, - and _. Use the name that the function has in AWS.",
    ),
    "no versions": (
        ORDERS,
        "lambda-rollback.toml: functions.orders says neither aws nor versions. For a function in "
        'AWS one line is enough: aws = "orders". For folders and zips declare each published '
        "version, as in [functions.orders.versions.3].",
    ),
    "an empty table": (
        "[functions.orders]\n",
        "lambda-rollback.toml: functions.orders says neither aws nor versions. For a function in "
        'AWS one line is enough: aws = "orders". For folders and zips declare each published '
        "version, as in [functions.orders.versions.3].",
    ),
    "misspelt aws": (
        '[functions.orders]\nasw = "orders"\n',
        'lambda-rollback.toml: unknown key "asw" in functions.orders. Did you mean "aws"? Known '
        "keys are accept, account, aliases, aws, current, events, region, requires, response, "
        "strategies, targets, versions.",
    ),
    "version name": (
        ORDERS + versions("04"),
        "lambda-rollback.toml: functions.orders.versions.04 is no name for a version: it is the "
        "published version's number, $LATEST, or a word other than candidate. Rename it.",
    ),
    "version called candidate": (
        ORDERS + versions("candidate"),
        "lambda-rollback.toml: functions.orders.versions.candidate is no name for a version: it "
        "is the published version's number, $LATEST, or a word other than candidate. Rename it.",
    ),
    "no current": (
        '[functions.orders]\nevents = "events"\n' + FOUR,
        "lambda-rollback.toml: functions.orders.current is missing: it says which version holds "
        'the contracts now. Write current = "4", an alias, "$LATEST" or { path = "build" }, or '
        "give --lambda-rollback-candidate orders=PATH.",
    ),
    "unknown current": (
        ORDERS.replace('"4"', '"lvie"') + 'aliases = { live = "4" }\n' + FOUR,
        'lambda-rollback.toml: functions.orders.current names "lvie", which is no version or '
        'alias of orders. Did you mean "live"? Declared versions are 1, 2, 3 and 4; aliases are '
        "live.",
    ),
    "latest that is not declared": (
        ORDERS.replace('"4"', '"$LATEST"') + FOUR,
        'lambda-rollback.toml: functions.orders.current names "$LATEST", which is no version or '
        "alias of orders. Declared versions are 1, 2, 3 and 4.",
    ),
    "current of a wrong type": (
        ORDERS.replace('"4"', "4.0") + FOUR,
        "lambda-rollback.toml: functions.orders.current is a float (4.0), expected a version or "
        'alias, as in "4" or "live".',
    ),
    "candidate without path": (
        ORDERS.replace('"4"', '{ runtime = "python3.11" }') + FOUR,
        "lambda-rollback.toml: functions.orders.current.path is missing: expected a string. Name "
        'the build, as in { path = "build/orders" }.',
    ),
    "candidate with nothing to inherit from": (
        ORDERS.replace('"4"', '{ path = "build/orders" }')
        + FOUR.replace("versions.", "versions.v"),
        "lambda-rollback.toml: functions.orders.current.runtime is missing: expected a string. "
        'Say which Lambda runtime it is bound to, as in runtime = "python3.13".',
    ),
    "alias of nothing": (
        ORDERS + 'aliases = { live = "5" }\n' + FOUR,
        'lambda-rollback.toml: functions.orders.aliases.live names "5", which is no version or '
        "alias of orders. Declared versions are 1, 2, 3 and 4.",
    ),
    "alias named like a version": (
        ORDERS + 'aliases = { 3 = "4" }\n' + FOUR,
        "lambda-rollback.toml: functions.orders.aliases.3 is no name for an alias: AWS Lambda "
        "takes letters, digits, - and _ but no number alone, and it must not be a version's name "
        "too. Rename it.",
    ),
    "unknown target": (
        ORDERS + 'targets = ["3", "7"]\n' + FOUR,
        'lambda-rollback.toml: functions.orders.targets[1] names "7", which is no version or '
        "alias of orders. Declared versions are 1, 2, 3 and 4.",
    ),
    "current as a target": (
        ORDERS + 'targets = ["live"]\naliases = { live = "4" }\n' + FOUR,
        "lambda-rollback.toml: functions.orders.targets[0] is 4, the current version itself: a "
        "rollback goes from the current version to another one. Remove it from the targets.",
    ),
    "target twice": (
        ORDERS + 'targets = ["3", 3]\n' + FOUR,
        "lambda-rollback.toml: functions.orders.targets[1] is 3, which is listed before. Remove "
        "one of the two.",
    ),
    "target of an unknown function": (
        ORDERS + 'targets = ["order:live"]\n' + FOUR,
        'lambda-rollback.toml: functions.orders.targets[0] names the function "order", which the '
        'file does not declare. Did you mean "orders"? Declared functions are orders.',
    ),
    "targets as a string": (
        ORDERS + 'targets = "3"\n' + FOUR,
        'lambda-rollback.toml: functions.orders.targets is a string ("3"), expected an array of '
        'versions, as in ["3", "2"], or { last = 3 }.',
    ),
    "target of a wrong type": (
        ORDERS + "targets = [true]\n" + FOUR,
        "lambda-rollback.toml: functions.orders.targets[0] is a boolean (true), expected a "
        'version or alias, as in "4" or "live".',
    ),
    "last of nothing": (
        ORDERS + "targets = { last = 0 }\n" + FOUR,
        "lambda-rollback.toml: functions.orders.targets.last is an integer (0), expected a whole "
        "number of at least 1.",
    ),
    "no code": (
        four('code = "versions/4"\n', ""),
        f"lambda-rollback.toml: {WANTED}.code is missing: expected a string. Name the folder or "
        '.zip file, as in code = "versions/3".',
    ),
    "missing code": (
        four("versions/4", "versoins/4"),
        f'lambda-rollback.toml: {WANTED}.code names "versoins/4", which does not exist: looked '
        'for {project}/versoins/4. Did you mean "versions"? That is what {project} has.',
    ),
    "missing code in a folder of other names": (
        four("versions/4", "versions/forty/two"),
        f'lambda-rollback.toml: {WANTED}.code names "versions/forty/two", which does not exist: '
        "looked for {project}/versions/forty/two. Correct the path, or build it first; "
        "{project}/versions has 1, 10, 2, 3, 4.",
    ),
    "code that is neither": (
        four("versions/4", "events/create.json"),
        f'lambda-rollback.toml: {WANTED}.code names "events/create.json", which is neither a '
        "folder nor a .zip file: it stands for {project}/events/create.json. Name the folder that "
        "holds the package, or its .zip file.",
    ),
    "zip that is not a zip": (
        four("versions/4", "broken.zip"),
        f'lambda-rollback.toml: {WANTED}.code names "broken.zip", which is not a zip archive: '
        "{project}/broken.zip ends in .zip but its content is something else, or is cut off. "
        "Build the package again.",
    ),
    "missing layer": (
        ORDERS + FOUR + 'layers = ["layers/acme-shared-1", "layers/acme-shared-3"]\n',
        f'lambda-rollback.toml: {WANTED}.layers[1] names "layers/acme-shared-3", which does not '
        'exist: looked for {project}/layers/acme-shared-3. Did you mean "acme-shared-2"? That is '
        "what {project}/layers has.",
    ),
    "too many layers": (
        ORDERS + FOUR + f"layers = {['layers/acme-shared-1'] * 6}\n",
        f"lambda-rollback.toml: {WANTED}.layers has 6 layers: Lambda takes at most 5. List the "
        "layers that the published version has.",
    ),
    "layers as a string": (
        ORDERS + FOUR + 'layers = "layers/acme-shared-1"\n',
        f'lambda-rollback.toml: {WANTED}.layers is a string ("layers/acme-shared-1"), expected an '
        "array of strings.",
    ),
    "layer of a wrong type": (
        ORDERS + FOUR + "layers = [1]\n",
        f"lambda-rollback.toml: {WANTED}.layers[0] is an integer (1), expected a string that is "
        "not empty.",
    ),
    "no runtime": (
        four('runtime = "python3.11"\n', ""),
        f"lambda-rollback.toml: {WANTED}.runtime is missing: expected a string. Say which Lambda "
        'runtime it is bound to, as in runtime = "python3.13".',
    ),
    "unknown runtime": (
        four("python3.11", "Python3.13"),
        f'lambda-rollback.toml: {WANTED}.runtime is "Python3.13", which is no Lambda runtime '
        'known here: known are nodejs22.x, python3.11, python3.13. Did you mean "python3.13"? '
        "Correct it, or give it a base image under base_images or with "
        "--lambda-rollback-base-image Python3.13=IMAGE.",
    ),
    "no handler": (
        four('handler = "app.handler"\n', ""),
        f"lambda-rollback.toml: {WANTED}.handler is missing: expected a string. {HANDLER}",
    ),
    "handler without a dot": (
        four("app.handler", "handler"),
        f'lambda-rollback.toml: {WANTED}.handler is a string ("handler"), expected a module and a '
        f"function joined by a dot. {HANDLER}",
    ),
    "handler with a dot at its end": (
        four("app.handler", "app."),
        f'lambda-rollback.toml: {WANTED}.handler is a string ("app."), expected a module and a '
        f"function joined by a dot. {HANDLER}",
    ),
    "handler with white space": (
        four("app.handler", "app.my handler"),
        f'lambda-rollback.toml: {WANTED}.handler is a string ("app.my handler"), expected at most '
        f"128 characters without white space. {HANDLER}",
    ),
    "reserved variable": (
        ORDERS + FOUR + 'environment = { AWS_REGION = "eu-west-1" }\n',
        f"lambda-rollback.toml: {WANTED}.environment.AWS_REGION is reserved: AWS Lambda sets it "
        "itself and refuses a function that does. Remove it.",
    ),
    "variable that is a number": (
        ORDERS + FOUR + "environment = { PORT = 8080 }\n",
        f"lambda-rollback.toml: {WANTED}.environment.PORT is an integer, expected a string. Put "
        "the value in quotes.",
    ),
    "variable's name": (
        ORDERS + FOUR + 'environment = { "MY-KEY" = "x" }\n',
        f"lambda-rollback.toml: {WANTED}.environment.MY-KEY is no name for an environment "
        "variable: AWS Lambda wants a letter first, at least two characters, and letters, digits "
        "and _ alone. Correct the name.",
    ),
    "too large an environment": (
        ORDERS + FOUR + f'environment = {{ BLOB = "{"x" * 4093}" }}\n',
        f"lambda-rollback.toml: {WANTED}.environment has 4097 bytes of names and values: AWS "
        "Lambda takes at most 4096. Keep what the published version has.",
    ),
    "architecture": (
        ORDERS + FOUR + 'architecture = "x86-64"\n',
        f'lambda-rollback.toml: {WANTED}.architecture is a string ("x86-64"), expected one of '
        'x86_64, arm64. Write "x86_64" if that is what you mean.',
    ),
    "memory": (
        ORDERS + FOUR + "memory_mb = 64\n",
        f"lambda-rollback.toml: {WANTED}.memory_mb is an integer (64), expected a whole number "
        "from 128 to 10240.",
    ),
    "memory of a wrong type": (
        ORDERS + FOUR + "memory_mb = true\n",
        f"lambda-rollback.toml: {WANTED}.memory_mb is a boolean (true), expected a whole number "
        "from 128 to 10240.",
    ),
    "timeout": (
        ORDERS + FOUR + "timeout_s = 901\n",
        f"lambda-rollback.toml: {WANTED}.timeout_s is an integer (901), expected a number from 1 "
        "to 900.",
    ),
    "timeout that is no number": (
        ORDERS + FOUR + "timeout_s = nan\n",
        f"lambda-rollback.toml: {WANTED}.timeout_s is a float (nan), expected a number from 1 to "
        "900.",
    ),
    "ephemeral storage": (
        ORDERS + FOUR + "ephemeral_storage_mb = 10241\n",
        f"lambda-rollback.toml: {WANTED}.ephemeral_storage_mb is an integer (10241), expected a "
        "whole number from 512 to 10240.",
    ),
    "no events": (
        ORDERS.replace('events = "events"', "") + FOUR,
        "lambda-rollback.toml: functions.orders.events is missing: expected a string. Name a "
        'folder or glob of *.json, as in events = "events".',
    ),
    "missing events": (
        ORDERS.replace('"events"', '"evens"') + FOUR,
        'lambda-rollback.toml: functions.orders.events names "evens", which does not exist: '
        'looked for {project}/evens. Did you mean "events"? That is what {project} has.',
    ),
    "missing folder of a glob": (
        ORDERS.replace('"events"', '"evens/*.json"') + FOUR,
        'lambda-rollback.toml: functions.orders.events names "evens", which does not exist: '
        'looked for {project}/evens. Did you mean "events"? That is what {project} has.',
    ),
    "event named like a contract's check": (
        ORDERS.replace('"events"', '"reserved"') + FOUR,
        "lambda-rollback.toml: functions.orders.events holds an event that cannot be called "
        '"state": a contract\'s check has that name. Rename {project}/reserved/state.json.',
    ),
    "strategy": (
        'strategies = ["alais"]\n' + ORDERS + FOUR,
        'lambda-rollback.toml: strategies names "alais", expected alias or redeploy. Write '
        '"alias" if that is what you mean.',
    ),
    "no strategy": (
        ORDERS + "strategies = []\n" + FOUR,
        "lambda-rollback.toml: functions.orders.strategies is an array with nothing in it, "
        "expected one or more of alias, redeploy.",
    ),
    "unknown": (
        'unknown = "pass"\n' + ORDERS + FOUR,
        'lambda-rollback.toml: unknown is a string ("pass"), expected one of fail, skip.',
    ),
    "workers": (
        "workers = 0\n" + ORDERS + FOUR,
        "lambda-rollback.toml: workers is an integer (0), expected a whole number of at least 1.",
    ),
    "base image": (
        '[base_images]\n"python3.11" = 1\n' + ORDERS + FOUR,
        'lambda-rollback.toml: base_images."python3.11" is an integer (1), expected a string that '
        "is not empty.",
    ),
    "region": (
        ORDERS + 'region = "Ireland"\n' + FOUR,
        'lambda-rollback.toml: functions.orders.region is a string ("Ireland"), expected the name '
        "of an AWS region, as in eu-west-1.",
    ),
    "account": (
        "account = 123456789012\n" + ORDERS + FOUR,
        "lambda-rollback.toml: account is an integer (123456789012), expected a string of 12 "
        'digits, as in "123456789012".',
    ),
    "response mode": (
        ORDERS + 'response = { mode = "shapes" }\n' + FOUR,
        'lambda-rollback.toml: functions.orders.response.mode is a string ("shapes"), expected '
        'one of shape, exact, schema, none. Write "shape" if that is what you mean.',
    ),
    "response mode schema without a schema": (
        ORDERS + 'response = { mode = "schema" }\n' + FOUR,
        "lambda-rollback.toml: functions.orders.response.schema is missing: expected a string. "
        'Name its file, as in { mode = "schema", schema = "schemas/order.json" }.',
    ),
    "response schema in another mode": (
        ORDERS + 'response = { schema = "order.json" }\n' + FOUR,
        "lambda-rollback.toml: functions.orders.response.schema would not be looked at in mode "
        '"shape". Write mode = "schema", or remove it.',
    ),
    "response schema that is not there": (
        ORDERS + 'response = { mode = "schema", schema = "schemas/order.json" }\n' + FOUR,
        'lambda-rollback.toml: functions.orders.response.schema names "schemas/order.json", which '
        "does not exist: looked for {project}/schemas/order.json. Correct the path, or build it "
        "first; {project} has {…}",
    ),
    "response matchers in mode schema": (
        ORDERS + 'response = { mode = "none", matchers = { "/id" = "uuid" } }\n' + FOUR,
        "lambda-rollback.toml: functions.orders.response.matchers would not be looked at in mode "
        '"none". Remove them, or use mode shape or exact.',
    ),
    "matcher": (
        ORDERS + 'response = { matchers = { "/id" = "uid" } }\n' + FOUR,
        'lambda-rollback.toml: functions.orders.response.matchers."/id" is a string ("uid"), '
        'which is no matcher. Did you mean "uuid"? Use one of "uuid", "timestamp", '
        '{ regex = "^A[0-9]+$" } or { tolerance = 0.01 }.',
    ),
    "matcher of another type": (
        ORDERS + 'response = { matchers = { "/id" = 4 } }\n' + FOUR,
        'lambda-rollback.toml: functions.orders.response.matchers."/id" is an integer (4), '
        'expected one of "uuid", "timestamp", { regex = "^A[0-9]+$" } or { tolerance = 0.01 }.',
    ),
    "matcher with two rules": (
        ORDERS + 'response = { matchers = { "/id" = { regex = "a", tolerance = 1 } } }\n' + FOUR,
        'lambda-rollback.toml: functions.orders.response.matchers."/id" is a table, expected one '
        'of "uuid", "timestamp", { regex = "^A[0-9]+$" } or { tolerance = 0.01 }.',
    ),
    "matcher at no pointer": (
        ORDERS + 'response = { matchers = { "id" = "uuid" } }\n' + FOUR,
        "lambda-rollback.toml: functions.orders.response.matchers.id is named after no place, "
        'expected a JSON Pointer. Begin it with a slash, as in "/headers/Date"; a ~ in a key is '
        "written ~0.",
    ),
    "matcher with a regex that is none": (
        ORDERS + 'response = { matchers = { "/id" = { regex = "A[" } } }\n' + FOUR,
        'lambda-rollback.toml: functions.orders.response.matchers."/id".regex is "A[", which is no '
        "regular expression: {…}; in TOML, '...' needs no backslash twice.",
    ),
    "matcher with a tolerance below nothing": (
        ORDERS + 'response = { matchers = { "/id" = { tolerance = -1 } } }\n' + FOUR,
        'lambda-rollback.toml: functions.orders.response.matchers."/id".tolerance is an integer '
        "(-1), expected a number of at least 0.",
    ),
    "response as a string": (
        ORDERS + 'response = "exact"\n' + FOUR,
        'lambda-rollback.toml: functions.orders.response is a string ("exact"), expected a table.',
    ),
    "ignore": (
        ORDERS + 'response = { ignore = ["headers.Date"] }\n' + FOUR,
        'lambda-rollback.toml: functions.orders.response.ignore[0] is "headers.Date", expected a '
        'JSON Pointer. Begin it with a slash, as in "/headers/Date"; a ~ in a key is written ~0.',
    ),
    "requires": (
        ORDERS + 'requires = ["acme-shared>=2", "acme shared"]\n' + FOUR,
        'lambda-rollback.toml: functions.orders.requires[1] is "acme shared", expected a '
        "requirement: {…} Write it "
        'as in "acme-shared>=2,<3".',
    ),
    "accept of an unknown version": (
        ORDERS + FOUR + ACCEPT.replace('"2"', '"9"'),
        'lambda-rollback.toml: functions.orders.accept[0].target names "9", which is no version '
        "or alias of orders. Declared versions are 1, 2, 3 and 4.",
    ),
    "accept of what is no target": (
        ORDERS + 'targets = ["3", "1"]\n' + FOUR + ACCEPT,
        "lambda-rollback.toml: functions.orders.accept[0].target is 2, which is no rollback "
        "target: the targets of orders are 3 and 1. Remove the acceptance, or add the version to "
        "targets.",
    ),
    "accept without a reason": (
        ORDERS + FOUR + ACCEPT.replace("because", " "),
        'lambda-rollback.toml: functions.orders.accept[0].reason is a string (" "), expected a '
        "string that is not empty. Say why this break is acceptable.",
    ),
    "accept without a check": (
        ORDERS + FOUR + ACCEPT.replace('check = "*"\n', ""),
        "lambda-rollback.toml: functions.orders.accept[0].check is missing: expected a string. "
        'Name the event or contract, as in check = "gift_card*".',
    ),
    "accept without an end": (
        ORDERS + FOUR + ACCEPT.replace("until = 2027-01-31\n", ""),
        "lambda-rollback.toml: functions.orders.accept[0].until is missing: expected a date. "
        "Write it without quotes and without a time, as in until = 2027-01-31.",
    ),
    "accept until a string": (
        ORDERS + FOUR + ACCEPT.replace("2027-01-31", '"2027-01-31"'),
        'lambda-rollback.toml: functions.orders.accept[0].until is a string ("2027-01-31"), '
        "expected a TOML date. Write it without quotes and without a time, as in "
        "until = 2027-01-31.",
    ),
    "accept until a time of a day": (
        ORDERS + FOUR + ACCEPT.replace("2027-01-31", "2027-01-31T10:00:00Z"),
        "lambda-rollback.toml: functions.orders.accept[0].until is a date-time (2027-01-31 "
        "10:00:00+00:00), expected a TOML date. Write it without quotes and without a time, as "
        "in until = 2027-01-31.",
    ),
    "accept until a day that is none": (
        ORDERS + FOUR + ACCEPT.replace("2027-01-31", "2027-02-30"),
        "lambda-rollback.toml is not valid TOML: {…}(at line 30, column 9)."
        " Correct the file at that place.",
    ),
    "accept by a strategy nobody knows": (
        ORDERS + FOUR + ACCEPT + 'strategy = "revert"\n',
        'lambda-rollback.toml: functions.orders.accept[0].strategy is a string ("revert"), '
        "expected one of alias, redeploy.",
    ),
    "accept as a table": (
        ORDERS + FOUR + ACCEPT.replace("[[", "[").replace("]]", "]"),
        "lambda-rollback.toml: functions.orders.accept is a table, expected an array of tables. "
        "Write each as [[functions.orders.accept]].",
    ),
}


@pytest.mark.parametrize(("text", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_told_with_its_place(
    project: Path, refused: Callable[..., str], text: str, message: str
) -> None:
    (project / "broken.zip").write_bytes(b"PK\x03\x04 and no more")
    (project / "reserved").mkdir()
    (project / "reserved" / "state.json").write_text("{}")
    # What a library words stands as {…}.
    head, _, tail = message.replace("{project}", str(project)).partition("{…}")
    found = refused(text)
    assert found == head + found[len(head) : len(found) - len(tail)] * ("{…}" in message) + tail


TWO = ORDERS + FOUR + (ORDERS + FOUR).replace("orders", "billing")

WRONG_OPTIONS = {
    "engine": (
        {"engine": "podman"},
        '--lambda-rollback-engine is "podman", which is not an engine: engines are auto, docker '
        "and process. Others need the plugin that adds them.",
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
        '--lambda-rollback-base-image is "python3.11", expected RUNTIME=IMAGE. Write it as in '
        "python3.13=my-registry/lambda-python:3.13.",
    ),
    "candidate for one of two": (
        {"candidates": ("build/orders",)},
        "--lambda-rollback-candidate build/orders does not say which function it is a build of: "
        "lambda-rollback.toml has orders and billing. Write FUNCTION=build/orders, as in "
        "--lambda-rollback-candidate orders=build/orders.",
    ),
    "candidate that is not there": (
        {"candidates": ("orders=build/order",)},
        '--lambda-rollback-candidate names "build/order", which does not exist: looked for '
        '{project}/build/order. Did you mean "orders"? That is what {project}/build has.',
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
