"""The import rules of the package: which parts may know which, and which know vendors."""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest

import pytest_lambda_rollback

PACKAGE = Path(pytest_lambda_rollback.__file__).parent
NAME = "pytest_lambda_rollback"
MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))

LEVELS: tuple[frozenset[str], ...] = (
    frozenset({"model", "errors"}),
    frozenset({"aws_lambda", "redaction", "http_wire"}),
    frozenset({"packages", "aws"}),
    frozenset({"import_analysis"}),
    frozenset(
        {
            "sources",
            "contracts",
            "engines",
            "services",
            "diagnosis",
            "coverage",
            "reports",
            "config",
        }
    ),
    frozenset({"session", "recording"}),
    frozenset({"hookspecs"}),
    frozenset({"pytest_run", "commands"}),
    frozenset({"plugin", "cli"}),
)
"""A part imports itself and what stands on a lower level, never its own level or a higher one."""

EDGES = {
    "pytest": ("plugin", "hookspecs", "pytest_run"),
    "_pytest": (),
    "pluggy": ("hookspecs",),
    "docker": ("engines/docker",),
    "requests": ("aws/", "engines/docker/daemon"),  # Docker's client raises its errors
    "urllib3": ("aws/",),
    "boto3": ("aws/", "services/aws/"),
    "botocore": ("aws/", "services/", "contracts/downstream/"),
    "moto": ("services/",),
    "trustme": ("services/",),
}
"""The only modules that may import a vendor's package."""


def part_of(module: str) -> str:
    return module.partition("/")[0].removesuffix(".py")


def level_of(part: str) -> int:
    return next(number for number, parts in enumerate(LEVELS) if part in parts)


@functools.cache
def tree_of(module: str) -> ast.Module:
    return ast.parse((PACKAGE / module).read_text(encoding="utf-8"))


@functools.cache
def imports_of(module: str) -> tuple[str, ...]:
    """Absolute names of everything a module imports, also inside functions."""
    names: list[str] = []
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            names += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            names += (f"{node.module}.{alias.name}" for alias in node.names)
    return tuple(names)


def parts_imported_by(module: str) -> set[str]:
    """The parts of the package that a module imports something of, its own left out."""
    names = (name.split(".") for name in imports_of(module))
    parts = {name[1] for name in names if name[0] == NAME and not name[1].startswith("__")}
    return parts - {part_of(module)}


def importers(of: str) -> set[str]:
    return {
        module
        for module in MODULES
        if any(name == of or name.startswith(f"{of}.") for name in imports_of(module))
    }


def test_every_part_has_a_level() -> None:
    parts = {part_of(module) for module in MODULES} - {"__init__"}
    assert parts == frozenset().union(*LEVELS)


@pytest.mark.parametrize("module", MODULES)
def test_imports_lead_down(module: str) -> None:
    if part_of(module) == "__init__":
        assert imports_of(module) == ()
        return
    own = level_of(part_of(module))
    # Errors make their messages from text; nothing else of this level knows another part.
    allowed = {"model"} if module == "errors.py" else set()
    upward = {part for part in parts_imported_by(module) - allowed if level_of(part) >= own}
    assert upward == set()


def test_recording_and_redaction_are_reached_by_commands_alone() -> None:
    for wing in ("recording", "redaction"):
        known = {part_of(module) for module in importers(f"{NAME}.{wing}")}
        # A hook's annotation names the protocol of event origins.
        assert known - {"hookspecs"} <= {"commands", "recording", "redaction"}
    assert "hookspecs" not in {part_of(m) for m in importers(f"{NAME}.redaction")}


def test_redaction_knows_errors_alone() -> None:
    for module in MODULES:
        if part_of(module) == "redaction":
            assert parts_imported_by(module) <= {"errors"}, module


@pytest.mark.parametrize("vendor", EDGES)
def test_vendors_stay_at_the_edge(vendor: str) -> None:
    assert [module for module in importers(vendor) if not module.startswith(EDGES[vendor])] == []


def test_who_may_ask_aws() -> None:
    known = {part_of(module) for module in importers(f"{NAME}.aws")} - {"aws"}
    assert known <= {"sources", "recording", "commands"}


@pytest.mark.parametrize("module", [m for m in MODULES if part_of(m) == "model"])
def test_values_are_of_the_standard_library(module: str) -> None:
    names = {name.partition(".")[0] for name in imports_of(module)} - {NAME}
    assert names <= set(sys.stdlib_module_names)


PURE = ("contracts/", "diagnosis/", "aws_lambda/", "model/", "reports/sentences/")
PURE_MODULES = (
    "session/plan.py",
    "pytest_run/selection.py",
    "engines/docker/image_chain.py",
    "engines/docker/base_images.py",
    "recording/clusters.py",
    "recording/envelopes.py",
    "recording/event_files.py",
    "recording/json_text.py",
    "recording/log_events.py",
    "recording/log_lines.py",
    "recording/recorder_lines.py",
    "recording/structures.py",
    "redaction/checksums.py",
    "redaction/detectors.py",
    "redaction/named_values.py",
    "redaction/pseudonyms.py",
    "redaction/redactor.py",
    "redaction/rules.py",
    "reports/report.py",
    "reports/terminal.py",
    "reports/summary.py",
    "reports/target_table.py",
)


@pytest.mark.parametrize("module", [m for m in MODULES if m.startswith(PURE)] + list(PURE_MODULES))
def test_deciding_does_no_input_or_output(module: str) -> None:
    impure = {
        "asyncio", "http", "os", "random", "shutil", "signal", "socket", "subprocess", "tempfile",
        "threading", "time", "urllib", "uuid",
    }  # fmt: skip
    # Taking an address apart is no input.
    names = [name for name in imports_of(module) if not name.startswith("urllib.parse.")]
    assert {name.partition(".")[0] for name in names} & impure == set()


@pytest.mark.parametrize("module", MODULES)
def test_no_module_imports_what_windows_lacks_when_it_is_loaded(module: str) -> None:
    missing = {"fcntl", "grp", "pwd", "resource", "termios"}
    loaded = [node for node in tree_of(module).body if isinstance(node, ast.Import)]
    assert {alias.name for node in loaded for alias in node.names} & missing == set()


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
    silent = [module for module in MODULES if not ast.get_docstring(tree_of(module))]
    assert silent == []


def test_modules_do_not_look_like_tests() -> None:
    names = [Path(module).stem for module in MODULES]
    assert [name for name in names if name.startswith("test_") or name.endswith("_test")] == []
