"""What plugins may add, and what is said of a plugin that adds something else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pluggy
import pytest

from pytest_lambda_rollback import hookspecs
from pytest_lambda_rollback.errors import ConfigError
from pytest_lambda_rollback.session import plug_points

hookimpl = pluggy.HookimplMarker("pytest")


@dataclass(frozen=True)
class Podman:
    name: object = "podman"
    description: str = "containers of podman"

    def make(self, request: object) -> object:
        raise NotImplementedError


class OnlyNamed:
    name = "podman"


class Plugin:
    def __init__(self, engines: object) -> None:
        self.engines = engines

    @hookimpl
    def pytest_lambda_rollback_engines(self) -> object:
        return self.engines


def manager(*added: object) -> pluggy.PluginManager:
    plugins = pluggy.PluginManager("pytest")
    plugins.add_hookspecs(hookspecs)
    for engines in added:
        plugins.register(Plugin(engines))
    return plugins


def names(plugins: pluggy.PluginManager) -> Sequence[str]:
    return tuple(plug_points.engines(plugins.hook))


def test_plugins_add_to_what_is_built_in() -> None:
    assert names(manager()) == ("docker", "sandbox", "process")
    assert names(manager([Podman()], (), [Podman("kata")])) == (
        "docker",
        "sandbox",
        "process",
        "kata",
        "podman",
    )


WRONG = {
    "no sequence": (
        [7],
        "a plugin returned 7 for its engines: a sequence is expected.",
    ),
    "a text": (["podman"], "a plugin returned 'podman' for its engines: a sequence is expected."),
    "no name": (
        [[object()]],
        "builtins.object has the name None: the name of an engine is lower-case letters, digits, ",
    ),
    "a name that an id cannot have": (
        [[Podman("Podman 5")]],
        "test_plug_points.Podman has the name 'Podman 5': the name of an engine is lower-case",
    ),
    "no way to make one": (
        [[OnlyNamed()]],
        'test_plug_points.OnlyNamed is an engine called "podman": it has no make.',
    ),
    "the name of a built-in": (
        [[Podman("docker")]],
        'test_plug_points.Podman is an engine called "docker": the name is taken by '
        "pytest_lambda_rollback.engines.choice.Docker.",
    ),
    "a name twice": (
        [[Podman()], [Podman()]],
        'Podman is an engine called "podman": the name is taken by ',
    ),
    "a reserved name": (
        [[Podman("auto")]],
        'is an engine called "auto": the name is taken by pytest-lambda-rollback. Uninstall one',
    ),
}


@pytest.mark.parametrize(("added", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_answer_is_a_mistake_to_correct(added: list[object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        names(manager(*added))
    assert message in str(caught.value)


def test_a_declared_plugin_that_cannot_be_loaded_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distribution = tmp_path / "acme_podman-1.dist-info"
    distribution.mkdir()
    (distribution / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-podman\nVersion: 1\n")
    (distribution / "entry_points.txt").write_text("[lambda_rollback]\npodman = acme_podman\n")
    (tmp_path / "acme_podman.py").write_text("import a_module_that_is_not_there\n")
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(ConfigError) as caught:
        hookspecs.console_plugins()
    assert str(caught.value) == (
        'could not load the plugin "podman" (acme_podman): ModuleNotFoundError: '
        "No module named 'a_module_that_is_not_there'. Correct or uninstall the package that "
        "declares it under the entry points lambda_rollback."
    )


@dataclass(frozen=True)
class OfPlugin:
    """A contract of a plugin, by either kind."""

    name: str
    needs_replays: bool = False

    def judge(self, case: object) -> object:
        raise NotImplementedError


class Contracts:
    def __init__(self, *contracts: OfPlugin) -> None:
        self.contracts = contracts

    @hookimpl
    def pytest_lambda_rollback_contracts(self) -> Sequence[OfPlugin]:
        return self.contracts


def test_contracts_without_replays_have_checks_of_their_own() -> None:
    plugins = manager()
    plugins.register(Contracts(OfPlugin("budget"), OfPlugin("tone", needs_replays=True)))
    assert tuple(plug_points.contracts(plugins.hook)) == ("budget", "tone")
    assert plug_points.static_contracts(plugins.hook) == ("budget",)


@pytest.mark.parametrize("name", ["invocation", "state", "events", "none", "source"])
def test_a_contract_cannot_have_a_name_that_ids_use_otherwise(name: str) -> None:
    plugins = manager()
    plugins.register(Contracts(OfPlugin(name)))
    with pytest.raises(ConfigError, match=f'is a contract called "{name}"'):
        plug_points.contracts(plugins.hook)
