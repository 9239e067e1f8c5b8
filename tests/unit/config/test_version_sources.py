"""A version source of a plugin in a configuration: what it is asked, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pytest_lambda_rollback.config.files import CommandLine, load
from pytest_lambda_rollback.config.version_sources import FoundVersions, SourceRequest
from pytest_lambda_rollback.errors import ConfigError, SourceError
from pytest_lambda_rollback.model.settings import LocalVersion, Settings
from pytest_lambda_rollback.model.versions import TargetRef
from pytest_lambda_rollback.session.plan import checks_of

Load = Callable[..., Settings]

VERSION = {"code": "packages", "runtime": "python3.11", "handler": "app.handler"}
TABLE = """
[functions.orders]
source = { kind = "shelf", repository = "releases", depth = 2 }
current = "live"
events = "events"
"""


@dataclass
class Shelf:
    """A version source that answers as it is told."""

    answer: FoundVersions | Exception = field(
        default_factory=lambda: FoundVersions(
            versions={"8": VERSION, "7": VERSION, "6": VERSION}, aliases={"live": "8"}
        )
    )
    name: str = "shelf"
    asked: list[SourceRequest] = field(default_factory=list)

    def find(self, request: SourceRequest) -> FoundVersions:
        self.asked.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def loaded(tmp_path: Path) -> Load:
    def load_text(shelf: Shelf, text: str = TABLE, **options: bool) -> Settings:
        (tmp_path / "packages").mkdir(exist_ok=True)
        (tmp_path / "packages" / "app.py").write_text("")
        (tmp_path / "events").mkdir(exist_ok=True)
        (tmp_path / "events" / "create.json").write_text("{}")
        path = tmp_path / "lambda-rollback.toml"
        path.write_text(text)
        return load(
            path,
            CommandLine(directory=tmp_path, offline=options.get("offline", False)),
            known_runtimes=frozenset({"python3.11"}),
            engines=(),
            version_sources={shelf.name: shelf},
        )

    return load_text


def test_versions_are_as_if_the_file_declared_them(loaded: Load, tmp_path: Path) -> None:
    shelf = Shelf()
    function = loaded(shelf).function("orders")
    assert isinstance(function.current, LocalVersion)
    assert (function.current.version, function.alias) == ("8", "live")
    assert function.current.code == tmp_path / "packages"
    assert function.targets == tuple(TargetRef(function="orders", version=v) for v in ("7", "6"))
    assert shelf.asked == [
        SourceRequest(
            function="orders", options={"repository": "releases", "depth": 2}, folder=tmp_path
        )
    ]


def test_a_version_source_is_told_to_stay_offline(loaded: Load) -> None:
    shelf = Shelf()
    loaded(shelf, offline=True)
    assert [request.offline for request in shelf.asked] == [True]


def test_versions_that_could_not_be_fetched_are_unknown(loaded: Load) -> None:
    settings = loaded(Shelf(SourceError("could not reach the shelf", why="no network")))
    (check,) = checks_of(settings)
    assert (check.group, check.name) == ("versions", "source")
    assert check.reason == "could not reach the shelf: no network."


def test_a_source_without_versions_is_unknown(loaded: Load) -> None:
    (check,) = checks_of(loaded(Shelf(FoundVersions(versions={}))))
    assert check.reason is not None
    assert check.reason.startswith("the version source shelf has no version of orders.")


OTHER = TABLE + '[functions.orders.versions.1]\ncode = "packages"\n'

MISTAKES = {
    "unknown kind": (
        Shelf(),
        TABLE.replace('"shelf"', '"shelv"'),
        'lambda-rollback.toml: functions.orders.source.kind is "shelv", which is not a version '
        'source: plugins that are installed add shelf. Did you mean "shelf"? Install the plugin '
        "that adds it, or name versions or aws instead of source.",
    ),
    "no kind": (
        Shelf(),
        TABLE.replace('kind = "shelf", ', ""),
        "lambda-rollback.toml: functions.orders.source.kind is missing: expected a string.",
    ),
    "versions beside it": (
        Shelf(),
        OTHER,
        "lambda-rollback.toml: functions.orders.versions and lambda-rollback.toml: "
        "functions.orders.source are mutually exclusive: the versions of orders come from there.",
    ),
    "options that it refuses": (Shelf(ConfigError("depth is 2, expected 1")), TABLE, "depth is 2"),
    "an answer that a file must not say": (
        Shelf(FoundVersions(versions={"8": {**VERSION, "handlr": "app.handler"}})),
        TABLE,
        'lambda-rollback.toml: unknown key "handlr" in functions.orders.versions.8.',
    ),
    "an alias of nothing": (
        Shelf(FoundVersions(versions={"8": VERSION}, aliases={"live": "9"})),
        TABLE,
        'lambda-rollback.toml: functions.orders.aliases.live names "9", which is',
    ),
}


@pytest.mark.parametrize(("shelf", "text", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_mistakes_are_told_with_their_place(
    loaded: Load, shelf: Shelf, text: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(shelf, text)
    assert str(caught.value).startswith(message)
