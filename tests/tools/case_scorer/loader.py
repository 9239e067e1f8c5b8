"""Rollback cases as data, and how one becomes a project folder that the plugin can check.

A case is a folder with a ``case.toml``; tests/cases/README.md says what it may hold. This
module knows neither pytest nor the plugin's code, so that a case states what is true and never what
the plugin happens to answer.
"""

from __future__ import annotations

import json
import os
import shutil
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.case_scorer.case_events import fixture_text
from tools.case_scorer.pinned_packages import PackageCache, Pins

CASES_DIR = Path(__file__).parents[2] / "cases"
STRATEGIES = ("alias", "redeploy")
CURRENT, TARGET = "2", "1"
"""Every case has these two function versions."""

_CASE_KEYS = {
    "description", "harmless", "current", "target", "layers", "function", "events", "expect",
}  # fmt: skip
_VERSION_KEYS = {"code", "layers", "vendored", "files", "runtime", "handler", "architecture",
                 "environment"}  # fmt: skip
_LAYER_KEYS = {"pins", "python", "machine", "distribution", "version", "requires", "entry_points",
               "files"}  # fmt: skip
_STATE_KEYS = {"passes", "item", "attribute"}
_EXPECT_KEYS = {"verdict", "contracts", "events", "cause", "or_unknown", *_STATE_KEYS}
_PASSES = {"rollback", "return", "mixed"}
_SERVICES_FILES = ("template.yaml", "seed.py", "data")
_CONTRACTS = {"invocation", "response", "dependencies", "imports", "platform", "state",
              "downstream"}  # fmt: skip
_CAUSE_KEYS = (
    {"layer", "distribution", "current_version", "target_version"},
    {"event"},
    {"runtime"},
    {"code"},
)


class CaseError(ValueError):
    """A case that cannot be read; the message names the case and the key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One function version of a case."""

    code: str
    """Folder below the case."""
    layers: tuple[str, ...]
    vendored: Pins | None
    """Packages that lie in the code itself."""
    files: tuple[tuple[str, str], ...]
    """(path, text) of files that lie in the code beside those of the folder."""
    settings: tuple[tuple[str, Any], ...]
    """Keys of the version table, but for code and layers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSource:
    """One layer: packages from PyPI, in-house modules, or both."""

    pins: Pins | None
    distribution: str | None
    version: str
    requires: tuple[str, ...]
    entry_points: str
    files: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """The truth about one strategy."""

    verdict: str
    """``safe`` or ``breaks``."""
    contracts: tuple[str, ...] = ()
    """Each of them finds the break; others may find it too."""
    events: tuple[str, ...] | None = None
    """The events whose checks break, where a case says so: these and no others."""
    cause: tuple[tuple[str, Any], ...] = ()
    """Only what is named here is compared; README.md says how."""
    passes: tuple[str, ...] = ()
    """Passes of the state check that a finding names, each of them."""
    item: str = ""
    """The stored item, or its container, that a finding of the state check names."""
    attribute: str = ""
    """The attribute of it that one names."""
    or_unknown: str = ""
    """Why ``unknown`` is right as well, where the versions cannot run on this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One rollback, or one harmless change, with what is true of it."""

    name: str
    folder: Path
    description: str
    harmless: bool
    current: Version
    target: Version
    layers: tuple[tuple[str, LayerSource], ...]
    function: tuple[tuple[str, Any], ...]
    events: tuple[tuple[str, str], ...]
    """(name, text of the fixture file)."""
    expect: tuple[tuple[str, Expectation], ...]
    """By strategy, in the order of STRATEGIES."""

    @property
    def services_files(self) -> tuple[str, ...]:
        """Files and folders of the case that lie beside the configuration file."""
        return tuple(name for name in _SERVICES_FILES if (self.folder / name).exists())


def load_all(only: tuple[str, ...] = ()) -> tuple[Case, ...]:
    """Every case, or those named. Raises CaseError."""
    names = sorted(path.parent.name for path in CASES_DIR.glob("*/case.toml"))
    unknown = sorted(set(only) - set(names))
    if unknown:
        raise CaseError(f"there is no case named {', '.join(unknown)}")
    return tuple(load(CASES_DIR / name) for name in names if not only or name in only)


def load(folder: Path) -> Case:
    """One case. Raises CaseError."""
    name = folder.name
    try:
        raw = tomllib.loads((folder / "case.toml").read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise CaseError(f"{name}: {error}") from error
    _only(name, raw, _CASE_KEYS)
    harmless = raw.get("harmless", False)
    layers = {key: _layer(name, key, value) for key, value in raw.get("layers", {}).items()}
    case = Case(
        name=name,
        folder=folder,
        description=raw["description"],
        harmless=harmless,
        current=_version(name, "current", raw.get("current", {})),
        target=_version(name, "target", raw.get("target", {})),
        layers=tuple(layers.items()),
        function=tuple(raw.get("function", {}).items()),
        events=tuple(
            (event, _fixture(name, event, value)) for event, value in raw["events"].items()
        ),
        expect=_expectations(name, raw.get("expect"), harmless=harmless),
    )
    used = {*case.current.layers, *case.target.layers}
    if used != set(layers):
        raise CaseError(f"{name}: layers {sorted(used ^ set(layers))} are used or defined alone")
    for expectation in dict(case.expect).values():
        if expectation.events and not set(expectation.events) <= dict(case.events).keys():
            raise CaseError(f"{name}: expect names events that the case does not have")
    return case


def build(case: Case, parent: Path, cache: PackageCache) -> Path:
    """Write the case's project folder below ``parent``; returns it. Layers come from the cache."""
    project = parent / case.name
    project.mkdir()
    for number, version in ((CURRENT, case.current), (TARGET, case.target)):
        _write_code(case, version, project / "versions" / number, cache)
    for key, layer in case.layers:
        _write_layer(case, key, layer, project / "layers" / key / "python", cache)
    for each in case.services_files:
        _copy_file_or_folder(case.folder / each, project / each)
    for event, text in case.events:
        _write(project / "events" / f"{event}.json", text)
    _write(project / "lambda-rollback.toml", _configuration(case))
    # Its own file, so that no other project's settings are found above it.
    _write(project / "pytest.ini", "[pytest]\n")
    return project


# --- reading --------------------------------------------------------------------------------


def _only(where: str, table: Mapping[str, Any], known: set[str]) -> None:
    if not isinstance(table, dict) or not set(table) <= known:
        raise CaseError(f"{where}: expected a table with keys among {sorted(known)}, got {table}")


def _version(case: str, key: str, table: Mapping[str, Any]) -> Version:
    _only(f"{case}: {key}", table, _VERSION_KEYS)
    runtime = table.get("runtime", "python3.11")
    settings = {"runtime": runtime, "handler": "app.handler", "memory_mb": 512, "timeout_s": 20}
    own = {"runtime", "handler", "architecture", "environment"}
    settings |= {name: value for name, value in table.items() if name in own}
    vendored = table.get("vendored")
    python = runtime.removeprefix("python")
    return Version(
        code=table.get("code", key),
        layers=tuple(table.get("layers", ())),
        vendored=Pins(pins=tuple(vendored), python=python) if vendored else None,
        files=tuple(table.get("files", {}).items()),
        settings=tuple(settings.items()),
    )


def _layer(case: str, key: str, table: Mapping[str, Any]) -> LayerSource:
    _only(f"{case}: layers.{key}", table, _LAYER_KEYS)
    pins = None
    if "pins" in table:
        pins = Pins(
            pins=tuple(table["pins"]),
            python=table.get("python", "3.11"),
            machine=table.get("machine", "x86_64"),
        )
    if "distribution" in table and "version" not in table:
        raise CaseError(f"{case}: layers.{key} has a distribution without a version")
    return LayerSource(
        pins=pins,
        distribution=table.get("distribution"),
        version=table.get("version", ""),
        requires=tuple(table.get("requires", ())),
        entry_points=table.get("entry_points", ""),
        files=tuple(table.get("files", {}).items()),
    )


def _fixture(case: str, event: str, table: Mapping[str, Any]) -> str:
    try:
        return fixture_text(table)
    except (KeyError, TypeError, ValueError) as error:
        raise CaseError(f"{case}: events.{event}: {error}") from error


def _expectations(
    case: str, table: Mapping[str, Any] | None, *, harmless: bool
) -> tuple[tuple[str, Expectation], ...]:
    if harmless:
        if table is not None:
            raise CaseError(
                f"{case}: a harmless change is safe by every strategy; leave expect out"
            )
        return tuple((strategy, Expectation(verdict="safe")) for strategy in STRATEGIES)
    if table is None or set(table) != set(STRATEGIES):
        raise CaseError(f"{case}: expect needs a table with {' and '.join(STRATEGIES)}")
    found = {strategy: _expectation(case, strategy, table[strategy]) for strategy in STRATEGIES}
    if all(each.verdict == "safe" for each in found.values()):
        raise CaseError(f"{case}: nothing breaks; say harmless = true")
    return tuple(found.items())


def _expectation(case: str, strategy: str, value: Any) -> Expectation:
    where = f"{case}: expect.{strategy}"
    table: dict[str, Any] = {"verdict": value} if isinstance(value, str) else value
    _only(where, table, _EXPECT_KEYS)
    verdict, cause = table["verdict"], table.get("cause", {})
    contracts = tuple(table.get("contracts", ()))
    if verdict not in ("safe", "breaks"):
        raise CaseError(f"{where}: the verdict is safe or breaks, not {verdict!r}")
    if (verdict == "breaks") != bool(contracts) or not set(contracts) <= _CONTRACTS:
        raise CaseError(f"{where}: a break, and nothing else, names the contracts that find it")
    if (verdict == "breaks") != any(cause and set(cause) <= keys for keys in _CAUSE_KEYS):
        raise CaseError(f"{where}: a break, and nothing else, has a cause: one of {_CAUSE_KEYS}")
    if (verdict == "breaks" and "state" in contracts) != bool(_STATE_KEYS & set(table)):
        raise CaseError(f"{where}: a break of state, and nothing else, names pass and item")
    passes = tuple(table.get("passes", ()))
    if not set(passes) <= _PASSES:
        raise CaseError(f"{where}: passes are among {sorted(_PASSES)}, got {passes}")
    events = table.get("events")
    return Expectation(
        verdict=verdict,
        contracts=contracts,
        events=tuple(events) if events is not None else None,
        cause=tuple(cause.items()),
        passes=passes,
        item=table.get("item", ""),
        attribute=table.get("attribute", ""),
        or_unknown=table.get("or_unknown", ""),
    )


# --- writing --------------------------------------------------------------------------------


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _copy(source: Path, destination: Path) -> None:
    """A copy that shares the bytes of files with the original where the file system can."""
    shutil.copytree(
        source,
        destination,
        copy_function=_link,
        dirs_exist_ok=True,
        ignore=shutil.ignore_patterns("__pycache__"),
    )


def _copy_file_or_folder(source: Path, destination: Path) -> None:
    if source.is_dir():
        _copy(source, destination)
    else:
        shutil.copy2(source, destination)


def _link(source: str, destination: str) -> None:
    try:
        os.link(source, destination)
    except OSError:
        shutil.copy2(source, destination)


def _write_code(case: Case, version: Version, folder: Path, cache: PackageCache) -> None:
    folder.mkdir(parents=True)
    shutil.copytree(
        case.folder / version.code,
        folder,
        dirs_exist_ok=True,
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    for name, text in version.files:
        _write(folder / name, text)
    if version.vendored is not None:
        _copy(cache.installed(version.vendored), folder)


def _write_layer(
    case: Case, key: str, layer: LayerSource, folder: Path, cache: PackageCache
) -> None:
    folder.mkdir(parents=True)
    if layer.pins is not None:
        _copy(cache.installed(layer.pins), folder)
    own = case.folder / "layers" / key
    if own.is_dir():
        _copy(own, folder)
    for name, text in layer.files:
        _write(folder / name, text)
    if layer.distribution is not None:
        modules = {path.relative_to(own).parts[0] for path in own.rglob("*.py")}
        modules |= {name.partition("/")[0] for name, _ in layer.files}
        _write_metadata(layer, folder, sorted(modules - {"__pycache__"}))


def _write_metadata(layer: LayerSource, folder: Path, modules: list[str]) -> None:
    """A dist-info folder as pip writes one for an in-house wheel."""
    name = str(layer.distribution)
    info = folder / f"{name.replace('-', '_')}-{layer.version}.dist-info"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {layer.version}"]
    lines += [f"Requires-Dist: {each}" for each in layer.requires]
    _write(info / "METADATA", "\n".join(lines) + "\n")
    _write(info / "WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    tops = [module.removesuffix(".py") for module in modules]
    _write(info / "top_level.txt", "".join(f"{top}\n" for top in tops))
    if layer.entry_points:
        _write(info / "entry_points.txt", layer.entry_points)
    record = [f"{info.name}/RECORD,,"]
    for module in modules:
        path = folder / module
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        record += [f"{file.relative_to(folder)},," for file in files if file.is_file()]
    record += [f"{file.relative_to(folder)},," for file in sorted(info.iterdir())]
    _write(info / "RECORD", "\n".join(record) + "\n")


def _configuration(case: Case) -> str:
    lines = [
        f"[functions.{case.name}]",
        f"current = {_toml(CURRENT)}",
        f"targets = {_toml([TARGET])}",
        'events = "events"',
        *(f"{key} = {_toml(value)}" for key, value in case.function),
    ]
    for number, version in ((CURRENT, case.current), (TARGET, case.target)):
        lines += [
            "",
            f"[functions.{case.name}.versions.{number}]",
            f"code = {_toml(f'versions/{number}')}",
            f"layers = {_toml([f'layers/{layer}' for layer in version.layers])}",
            *(f"{key} = {_toml(value)}" for key, value in version.settings),
        ]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    """A value as TOML; strings are written as JSON writes them, which TOML reads alike."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_toml(k)} = {_toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
