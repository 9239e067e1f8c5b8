"""Test files inside code and layers are nobody's tests, wherever pytest is called on."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.made_projects import Project

IMPORTED = "raise SystemExit('a vendored test was imported')\n"
OWN = "def test_own(): pass\n"


def vendored(folder: Path) -> None:
    """Put test files and a conftest where a package would bring them."""
    for place in (folder, folder / "package" / "tests"):
        place.mkdir(parents=True, exist_ok=True)
        (place / "test_vendored.py").write_text(IMPORTED)
        (place / "conftest.py").write_text(IMPORTED)


@pytest.fixture
def service(project: Project) -> Project:
    """The project in a folder ``service``, with an own test and test files in code and layers."""
    folder = project.path / "service"
    folder.mkdir()
    for name in ("lambda-rollback.toml", "versions", "events"):
        (project.path / name).rename(folder / name)
    vendored(folder / "versions" / "1")
    vendored(folder / "layers" / "shared")
    vendored(folder / "events")
    file = folder / "lambda-rollback.toml"
    file.write_text(
        file.read_text().replace(
            'code = "versions/1"', 'code = "versions/1"\nlayers = ["layers/shared"]'
        )
    )
    (folder / "test_own.py").write_text(OWN)
    return project


def own_tests(result: pytest.RunResult) -> list[str]:
    assert result.ret in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
    return [line for line in result.outlines if "::test_" in line]


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("service",),
        ("service/test_own.py", "service/versions", "service/layers"),
        ("service/versions", "service/test_own.py"),
    ],
)
def test_folders_that_a_configuration_names(service: Project, arguments: tuple[str, ...]) -> None:
    result = service.run("--co", "-q", *arguments)
    assert own_tests(result) == ["service/test_own.py::test_own"]


def test_from_inside_and_with_another_root(
    service: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    (service.path / "service" / "versions" / "pytest.ini").write_text("[pytest]\n")
    monkeypatch.chdir(service.path / "service" / "versions")
    assert own_tests(service.run("--co", "-q", "--rootdir=.", ".")) == []


def test_a_folder_that_is_named_before_its_configuration_is_found(service: Project) -> None:
    """``a_code`` is collected before ``service``, whose configuration names it."""
    vendored(service.path / "a_code" / "1")
    (service.path / "a_code" / "1" / "app.py").write_text("")
    file = service.path / "service" / "lambda-rollback.toml"
    file.write_text(file.read_text().replace("versions/1", "../a_code/1"))
    vendored_no_more = service.path / "service" / "versions" / "1"
    for path in vendored_no_more.rglob("*.py"):
        path.unlink()
    assert own_tests(service.run("--co", "-q")) == ["service/test_own.py::test_own"]


def test_whoever_names_the_code_itself_gets_its_tests(service: Project) -> None:
    folder = service.path / "service" / "versions" / "1" / "package" / "tests"
    for place in (folder, folder.parents[1]):
        (place / "conftest.py").unlink()
    (folder / "test_vendored.py").write_text(OWN)
    name = "service/versions/1/package"
    assert own_tests(service.run("--co", "-q", name)) == [
        f"{name}/tests/test_vendored.py::test_own"
    ]


def test_a_candidate_is_a_build_where_packages_are_installed_in_it(project: Project) -> None:
    folder = project.path / "source"
    folder.mkdir()
    (folder / "test_own.py").write_text(OWN)
    (folder / "app.py").write_text("")
    text = (project.path / "lambda-rollback.toml").read_text()
    project.write(text.replace('current = "2"', 'current = { path = "source" }'))
    assert own_tests(project.run("--co", "-q")) == ["source/test_own.py::test_own"]
    vendored(folder)
    (folder / "package-1.0.dist-info").mkdir()
    assert own_tests(project.run("--co", "-q")) == []


def test_switched_off_pytest_collects_as_ever(service: Project) -> None:
    for path in (service.path / "service").rglob("conftest.py"):
        path.unlink()
    for path in (service.path / "service").rglob("test_vendored.py"):
        path.write_text(OWN)
    result = service.run("--co", "-q", "--import-mode=importlib", on=False)
    assert len(own_tests(result)) == 7
