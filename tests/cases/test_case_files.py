"""The cases themselves: they say what they must, and become whole projects."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tools.case_scorer.case_events import fixture_text
from tools.case_scorer.loader import Case, CaseError, build, load, load_all
from tools.case_scorer.pinned_packages import PackageCache, PackageError, Pins

CASES = load_all()
PIN = re.compile(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*")
MINIMAL = 'description = "Nothing."\nharmless = true\n[events]\nempty.json = "{}"\n'


def pins_of(case: Case) -> list[Pins]:
    layers = [layer.pins for _, layer in case.layers]
    return [each for each in (*layers, case.current.vendored, case.target.vendored) if each]


def test_there_are_enough_breaks_with_real_packages_and_enough_harmless_changes() -> None:
    assert sum(bool(pins_of(case)) for case in CASES if not case.harmless) >= 24
    assert sum(case.harmless for case in CASES) >= 10


def test_there_are_enough_breaks_of_stored_state_and_enough_harmless_changes_of_it() -> None:
    stateful = [case for case in CASES if case.services_files]
    breaks = [
        case for case in stateful if any("state" in each.contracts for _, each in case.expect)
    ]
    assert len(breaks) >= 12
    assert all(each.passes and each.item for case in breaks for _, each in case.expect
               if each.verdict == "breaks")  # fmt: skip
    assert sum(case.harmless for case in stateful) >= 6


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_a_case_expects_agrees_with_its_layers(case: Case) -> None:
    assert case.description.endswith(".")
    assert all(PIN.fullmatch(pin) for pins in pins_of(case) for pin in pins.pins)
    layers = dict(case.layers)
    for _, expectation in case.expect:
        cause = dict(expectation.cause)
        for side, key in ((case.current, "current_version"), (case.target, "target_version")):
            if key not in cause:
                continue
            wanted = f"{cause['distribution']}=={cause[key]}"
            own = [layers[name] for name in side.layers]
            offered = [pin for layer in own if layer.pins for pin in layer.pins.pins]
            offered += [f"{layer.distribution}=={layer.version}" for layer in own]
            assert wanted in offered
        names = {re.sub(r"-[0-9.]+$", "", name) for name in layers}
        assert cause.get("layer") in {None, *names}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_becomes_a_project_whose_paths_are_there(case: Case, tmp_path: Path) -> None:
    cache = PackageCache(root=tmp_path / "cache", say=pytest.fail)
    for pins in pins_of(case):
        package = cache.root / pins.digest / "some_package"
        package.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").write_text("")
    project = build(case, tmp_path, cache)
    document = tomllib.loads((project / "lambda-rollback.toml").read_text(encoding="utf-8"))
    function = document["functions"][case.name]
    assert function["current"] == "2"
    assert function["targets"] == ["1"]
    for version in function["versions"].values():
        module = version["handler"].partition(".")[0]
        assert (project / version["code"] / f"{module}.py").is_file()
        for layer in version["layers"]:
            assert any((project / layer / "python").iterdir())
    assert {path.stem for path in (project / "events").glob("*.json")} == dict(case.events).keys()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MINIMAL + "[expected]\n", "expected a table with keys among"),
        (MINIMAL + '[current]\nlayers = ["gone-1"]\n', "are used or defined alone"),
        (MINIMAL + '[expect]\nalias = "safe"\nredeploy = "safe"\n', "leave expect out"),
        (MINIMAL.replace("harmless = true\n", ""), "expect needs a table"),
        (
            MINIMAL.replace("harmless = true\n", "")
            + '[expect]\nalias = "safe"\nredeploy = "safe"\n',
            "nothing breaks",
        ),
        (
            MINIMAL.replace("harmless = true\n", "")
            + '[expect]\nalias = "safe"\n'
            + 'redeploy = { verdict = "breaks", contracts = ["imports"] }\n',
            "has a cause",
        ),
        (
            MINIMAL.replace("harmless = true\n", "")
            + '[expect]\nalias = "safe"\nredeploy = { verdict = "breaks", '
            + 'contracts = ["state"], cause = { code = true } }\n',
            "names pass and item",
        ),
        (MINIMAL.replace("json", "smoke-signal"), "expected one of json"),
    ],
)
def test_a_case_that_says_nonsense_is_refused(tmp_path: Path, text: str, message: str) -> None:
    folder = tmp_path / "nonsense"
    folder.mkdir()
    (folder / "case.toml").write_text(text, encoding="utf-8")
    with pytest.raises(CaseError, match=message):
        load(folder)


def test_a_name_that_no_case_has_is_refused() -> None:
    with pytest.raises(CaseError, match="no case named no-such-case"):
        load_all(("no-such-case",))


def test_a_fixture_that_expects_an_error_is_an_envelope() -> None:
    text = fixture_text({"json": '{"id": 1}', "expect": "InvalidOrder"})
    assert '"lambda_rollback": 1' in text
    assert '"error": "InvalidOrder"' in text


def test_what_is_in_the_cache_is_not_installed_again(tmp_path: Path) -> None:
    pins = Pins(pins=("idna==3.7", "click==8.1.7"))
    assert pins.digest == Pins(pins=("click==8.1.7", "idna==3.7")).digest
    assert pins.digest != Pins(pins=pins.pins, python="3.12").digest
    (tmp_path / pins.digest).mkdir()
    cache = PackageCache(root=tmp_path, say=pytest.fail)
    assert cache.installed(pins) == tmp_path / pins.digest


def test_what_cannot_be_installed_leaves_nothing_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PIP_NO_INDEX", "PIP_DISABLE_PIP_VERSION_CHECK"):
        monkeypatch.setenv(name, "1")
    said: list[str] = []
    cache = PackageCache(root=tmp_path / "cache", say=said.append)
    with pytest.raises(PackageError, match="could not install no-such-package==1"):
        cache.installed(Pins(pins=("no-such-package==1",)))
    assert said == ["installing no-such-package==1"]
    assert not list(cache.root.iterdir())
