"""Python's search path: as AWS's bootstrap.py makes it, and the same for all that ask.

https://docs.aws.amazon.com/lambda/latest/dg/python-image.html#python-image-searchpath
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from helpers.made_packages import Packages, distribution
from pytest_lambda_rollback.aws_lambda.search_path import SearchPath, search_path
from pytest_lambda_rollback.contracts.dependencies.installed import Installed
from pytest_lambda_rollback.diagnosis.stacks import Stack
from pytest_lambda_rollback.import_analysis.module_reader import open_trees
from pytest_lambda_rollback.import_analysis.module_search import ModuleSearch
from pytest_lambda_rollback.model.packages import VersionView

SITE_311 = "/opt/python/lib/python3.11/site-packages"


def made(
    path: str | None = None, *, python: str = "3.11", pth: Mapping[str, tuple[str, ...]] = {}
) -> SearchPath:
    environment = [] if path is None else [("PYTHONPATH", path)]
    return search_path(environment, python, lambda site: pth.get(site.path, ()))


def words(path: SearchPath) -> list[str]:
    """Folders of code and layers by their path, the runtime's by what they are."""
    return [
        entry.path if entry in path.packages else f"the {entry.place}" for entry in path.entries
    ]


AFTER = ["the runtime", "the standard library"]


@pytest.mark.parametrize(
    ("pythonpath", "python", "expected"),
    [
        (None, "3.11", ["/var/task", SITE_311, "/opt/python", *AFTER]),
        # The folder of bootstrap.py, which Python puts first, holds the libraries up to 3.10.
        ("/opt/lib", "3.10", ["/var/task", "the runtime", "/opt/lib", "the standard library"]),
        ("/opt/lib", "3.11", ["/var/task", "/opt/lib", "the standard library", "the runtime"]),
        ("", "3.10", ["/var/task", *AFTER]),  # set is set
        (
            "/opt/python:/var/task/lib",
            "3.12",
            ["/var/task", "/opt/python", "/var/task/lib", "the standard library", "the runtime"],
        ),
        # Python takes relative folders from where it starts: /var/task.
        (
            "lib::/var/task/",
            "3.12",
            ["/var/task", "/var/task/lib", "the standard library", "the runtime"],
        ),
    ],
)
def test_order(pythonpath: str | None, python: str, expected: list[str]) -> None:
    assert words(made(pythonpath, python=python)) == expected


def test_pth_files_add_to_the_end_and_count_once() -> None:
    pth = {"/var/task": ("vendor",), "/opt/python": ("../more",), "/var/task/vendor": ("deeper",)}

    assert words(made(pth=pth)) == [
        "/var/task", SITE_311, "/opt/python", *AFTER, "/var/task/vendor", "/opt/more",
    ]  # fmt: skip


def test_pth_files_of_layers_do_not_count_with_a_pythonpath() -> None:
    pth = {"/var/task": ("vendor",), "/opt/python": ("../more",)}

    assert words(made("/opt/python", pth=pth)) == [
        "/var/task", "/opt/python", "the standard library", "the runtime", "/var/task/vendor",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("pythonpath", "unseen"),
    [("/mnt/efs/lib", True), ("/opt/lib", False), ("/var/runtime", False), ("/options", True)],
)
def test_folders_in_no_package(pythonpath: str, unseen: bool) -> None:
    assert made(pythonpath).has_unseen is unseen


# --- one answer for imports, dependencies and causes ------------------------------------------


def answers(view: VersionView) -> dict[str, str | None]:
    """The version of acme that each of them says is imported."""
    python = view.version.configuration.runtime.removeprefix("python")
    minor = int(python.partition(".")[2])
    with open_trees(view.version) as trees:
        located = ModuleSearch(view.version, trees, (3, minor)).find("acme")
    installed = Installed(view, python).find("acme")
    carried = Stack(view).found.get("acme")
    return {
        "imports": located.provider.version if located.there and located.provider else None,
        "dependencies": installed.record.version if installed else None,
        "causes": carried.version if carried else None,
    }


@pytest.mark.parametrize(
    ("places", "environment", "expected"),
    [
        pytest.param(
            {"lib": "1", "python": "2"},
            {"PYTHONPATH": "/var/task/lib"},
            "1",
            id="a PYTHONPATH takes the layers' place",
        ),
        pytest.param(
            {"python": "2"},
            {"PYTHONPATH": "/var/task/lib"},
            None,
            id="the layers' folders are not searched beside it",
        ),
        pytest.param({"python": "2"}, {"PYTHONPATH": ""}, None, id="nor beside an empty one"),
        pytest.param(
            {"lib": "1"}, {"PYTHONPATH": "lib"}, "1", id="its relative folders lie in the code"
        ),
        pytest.param(
            {"vendor": "1", "python": "2", "vendor.pth": "vendor"},
            {},
            "2",
            id="what a .pth file adds comes last",
        ),
        pytest.param(
            {"vendor": "1", "vendor.pth": "vendor"}, {}, "1", id="a .pth file of the code counts"
        ),
        pytest.param(
            {"python/vendor": "2", "python/vendor.pth": "vendor"},
            {},
            "2",
            id="a .pth file of a layer counts",
        ),
        pytest.param(
            {"python/vendor": "2", "python/vendor.pth": "vendor"},
            {"PYTHONPATH": "/opt/python"},
            None,
            id="not with a PYTHONPATH",
        ),
    ],
)
def test_all_that_ask_get_one_answer(
    tmp_path: Path, places: dict[str, str], environment: dict[str, str], expected: str | None
) -> None:
    make = Packages(tmp_path)
    code: dict[str, str | bytes] = {"app.py": ""}
    layer: dict[str, str | bytes] = {"python/other.py": ""}
    for place, text in places.items():
        package = layer if place.startswith("python") else code
        package.update(
            {place: text} if place.endswith(".pth") else distribution("acme", text, at=place)
        )
    view = make.version(
        "1", code, layers=[make.layer("shared", layer)], environment=tuple(environment.items())
    )

    assert answers(view) == dict.fromkeys(("imports", "dependencies", "causes"), expected)


def test_the_runtimes_own_libraries_come_before_a_pythonpath_up_to_python_3_10(
    tmp_path: Path,
) -> None:
    make = Packages(tmp_path)
    layer = make.layer("sdk", distribution("boto3", "1.20.0", at="python"))
    kinds = {}
    for runtime in ("python3.10", "python3.11"):
        view = make.version(
            "1", layers=[layer], runtime=runtime, environment=(("PYTHONPATH", "/opt/python"),)
        )
        with open_trees(view.version) as trees:
            python = (3, int(runtime.partition(".")[2]))
            provider = ModuleSearch(view.version, trees, python).find("boto3").provider
        installed = Installed(view, runtime.removeprefix("python")).find("boto3")
        assert provider is not None
        assert installed is not None
        kinds[runtime] = (provider.kind, installed.known)

    assert kinds == {"python3.10": ("runtime", False), "python3.11": ("layer", True)}
