"""The import rules of the house. What a module may know is decided here, not by habit."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import pytest_lambda_rollback

PACKAGE = Path(pytest_lambda_rollback.__file__).parent
NAME = "pytest_lambda_rollback"
STEPS = ("sources", "engines", "contracts", "reports")
MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


def imports_of(module: str) -> Iterator[str]:
    """Absolute names of everything a module imports, also inside functions."""
    tree = ast.parse((PACKAGE / module).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def importers(of: str) -> set[str]:
    return {
        module
        for module in MODULES
        if any(name == of or name.startswith(f"{of}.") for name in imports_of(module))
    }


def test_there_are_modules_to_look_at() -> None:
    assert {"plugin.py", "model.py", "session/runner.py", "engines/docker.py"} <= set(MODULES)


def test_vendors_stay_at_the_edge() -> None:
    assert importers("pytest") <= {"plugin.py", "hookspecs.py", "items.py", "nodes.py"}
    assert importers("_pytest") == set()
    assert all(module.startswith("engines/docker") for module in importers("docker"))
    for vendor in ("boto3", "botocore", "requests", "urllib3"):
        # Docker's client raises errors of requests.
        edge = {m for m in importers(vendor) if not m.startswith("aws/")}
        assert edge <= ({"engines/docker_daemon.py"} if vendor == "requests" else set()), vendor


@pytest.mark.parametrize("step", STEPS)
def test_no_step_imports_another_step(step: str) -> None:
    others = [f"{NAME}.{other}" for other in STEPS if other != step]
    found = [
        (module, name)
        for module in MODULES
        if module.startswith(f"{step}/")
        for name in imports_of(module)
        if name.startswith(tuple(others))
    ]
    assert found == []


@pytest.mark.parametrize("step", STEPS)
def test_steps_do_not_know_who_calls_them(step: str) -> None:
    above = tuple(
        f"{NAME}.{room}" for room in ("session", "pool", "items", "plugin", "plan", "config")
    )
    found = [
        (module, name)
        for module in MODULES
        if module.startswith(f"{step}/")
        for name in imports_of(module)
        if name.startswith(above)
    ]
    assert found == []


def test_diagnosis_and_coverage_know_no_step() -> None:
    steps = tuple(f"{NAME}.{step}" for step in STEPS)
    found = [
        (module, name)
        for module in MODULES
        if module.startswith(("diagnosis/", "coverage/"))
        for name in imports_of(module)
        if name.startswith(steps)
    ]
    assert found == []


def test_only_session_and_pytest_side_know_several_steps() -> None:
    knowing = {
        module
        for module in MODULES
        if not module.startswith(STEPS)
        and sum(any(n.startswith(f"{NAME}.{step}") for n in imports_of(module)) for step in STEPS)
        > 1
    }
    callers = {m for m in knowing if not m.startswith(("session/", "commands/"))}
    assert callers <= {"items.py"}


def test_who_may_ask_aws() -> None:
    knowing = {m for m in importers(f"{NAME}.aws") if not m.startswith("aws/")}
    assert all(
        module.startswith(("sources/", "recording/", "commands/")) or module == "items.py"
        for module in knowing
    ), knowing


@pytest.mark.parametrize("module", ["model.py", "published.py", "builds.py"])
def test_values_are_standard_library_only_and_import_other_values_alone(module: str) -> None:
    names = {name for name in imports_of(module) if not name.startswith(f"{NAME}.published.")}
    assert {name.partition(".")[0] for name in names} <= set(sys.stdlib_module_names)


@pytest.mark.parametrize(
    "module",
    [m for m in MODULES if m.startswith(("contracts/", "diagnosis/"))]
    + ["plan.py", "model.py", "selection.py", "engines/image.py", "engines/base_images.py"]
    + [f"reports/{name}.py" for name in ("terminal", "summary", "targets", "reasons")],
)
def test_what_decides_is_pure(module: str) -> None:
    impure = {
        "asyncio", "http", "os", "random", "shutil", "signal", "socket", "subprocess", "tempfile",
        "threading", "time", "urllib", "uuid",
    }  # fmt: skip
    assert {name.partition(".")[0] for name in imports_of(module)} & impure == set()


def test_loading_the_plugin_loads_nothing_heavy() -> None:
    code = (
        "import sys, pytest, argparse; before = set(sys.modules); "
        "import pytest_lambda_rollback.plugin; "
        "print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert ast.literal_eval(done.stdout) == [
        "pytest_lambda_rollback",
        "pytest_lambda_rollback.hookspecs",
        "pytest_lambda_rollback.plugin",
    ]


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        module
        for module in MODULES
        if not ast.get_docstring(ast.parse((PACKAGE / module).read_text(encoding="utf-8")))
    ]
    assert silent == []
