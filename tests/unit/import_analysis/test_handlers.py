"""Whether a handler is in the packages: each runtime looks in its own way."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from helpers.made_sources import Files, Workbench
from helpers.made_versions import changed
from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.import_analysis.handlers import missing_handler
from pytest_lambda_rollback.import_analysis.module_reader import ModuleReader
from pytest_lambda_rollback.model.versions import ContainerImage, FunctionVersion
from pytest_lambda_rollback.packages.artifacts import ArtifactStore

HANDLER = "def handler(event, context):\n    return event\n"


@pytest.fixture
def workbench(tmp_path: Path) -> Workbench:
    return Workbench(tmp_path)


def said(
    workbench: Workbench,
    handler: str,
    code: Files,
    layers: Mapping[str, Files] | None = None,
    *,
    runtime: str = "python3.12",
    environment: Mapping[str, str] | None = None,
) -> str | None:
    return missing_handler(
        workbench.version(
            "3", code, layers or {}, runtime=runtime, handler=handler, environment=environment
        )
    )


# --- Python ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("handler", "code", "layers"),
    [
        ("app.handler", {"app.py": HANDLER}, {}),
        ("app.handler", {"app/__init__.py": HANDLER}, {}),
        ("app.handler", {"app/__init__.py": "from .main import handler\n", "app/main.py": HANDLER},
         {}),
        ("src/app.handler", {"src/app.py": HANDLER}, {}),
        ("pkg.app.handler", {"pkg/app.py": HANDLER}, {}),
        ("pkg.app.handler", {"pkg/__init__.py": "", "pkg/app.py": HANDLER}, {}),
        ("app.handler", {"x.py": ""}, {"shared 1": {"python/app.py": HANDLER}}),
        ("app.handler", {"x.py": ""},
         {"shared 1": {"python/lib/python3.12/site-packages/app.py": HANDLER}}),
        ("app.handler", {"app.py": "handler = make()\n"}, {}),
        ("app.handler", {"app.py": "globals()['handler'] = print\n"}, {}),
        ("app.handler", {"app.py": "from acme import *\n"}, {}),
        ("app.handler", {"app.cpython-312-x86_64-linux-gnu.so": b"\x7fELF"}, {}),
    ],
)  # fmt: skip
def test_a_python_handler_is_found_where_lambda_finds_it(
    workbench: Workbench, handler: str, code: Files, layers: Mapping[str, Files]
) -> None:
    assert said(workbench, handler, code, layers) is None


def test_a_python_module_that_is_not_there_is_missing(workbench: Workbench) -> None:
    assert said(workbench, "app.handler", {"main.py": HANDLER}) == (
        "module app of handler app.handler is neither in the code nor in a layer"
    )


def test_the_one_place_where_such_a_file_lies_is_named(workbench: Workbench) -> None:
    why = said(workbench, "app.handler", {"src/app.py": HANDLER, "main.py": ""})

    assert why is not None
    assert why.endswith("neither in the code nor in a layer; there is src/app.py")


def test_a_layer_for_another_python_does_not_bring_the_handler(workbench: Workbench) -> None:
    layers = {"shared 1": {"python/lib/python3.9/site-packages/app.py": HANDLER}}
    why = said(workbench, "app.handler", {"x.py": ""}, layers)

    assert why is not None
    assert "there is /opt/python/lib/python3.9/site-packages/app.py" in why


def test_the_code_comes_before_a_layer(workbench: Workbench) -> None:
    layers = {"shared 1": {"python/app.py": HANDLER}}

    assert said(workbench, "app.handler", {"app.py": "def other(): ...\n"}, layers) == (
        "module app has no handler, which handler app.handler names"
    )


def test_a_python_function_that_is_not_defined_is_missing(workbench: Workbench) -> None:
    assert said(workbench, "app.main", {"app.py": HANDLER}) == (
        "module app has no main, which handler app.main names"
    )


def test_a_handler_without_a_function_is_said(workbench: Workbench) -> None:
    why = said(workbench, "app", {"app.py": HANDLER})

    assert why == "handler 'app' does not name a module and a function, as in app.handler"


def test_a_module_that_fails_to_load_is_the_imports_contracts_matter(workbench: Workbench) -> None:
    layers = {"shared 1": {"python/app.py": f"import not_anywhere\n{HANDLER}"}}

    assert said(workbench, "app.handler", {"x.py": ""}, layers) is None


@pytest.mark.parametrize(
    "environment", [{"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrapper"}, {"PYTHONPATH": "/mnt/efs/lib"}]
)
def test_nothing_is_said_where_lambda_may_look_elsewhere(
    workbench: Workbench, environment: Mapping[str, str]
) -> None:
    assert said(workbench, "app.handler", {"x.py": ""}, environment=environment) is None


def test_a_search_path_whose_value_is_not_known_is_not_judged(workbench: Workbench) -> None:
    version = workbench.version("3", {"x.py": ""}, {}, environment={"PYTHONPATH": "PYTHONPATH"})

    assert missing_handler(version) is not None
    assert missing_handler(replace(version, placeholders=("PYTHONPATH",))) is None


def test_what_a_reader_has_read_is_not_read_again(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = workbench.version("3", {"app.py": HANDLER}, {})
    views = []
    view = workbench.reader.view

    def counted(of: FunctionVersion) -> object:
        views.append(of)
        return view(of)

    monkeypatch.setattr(ModuleReader, "view", lambda _, of: counted(of))
    assert missing_handler(version, modules=workbench.reader) is None
    assert views == [version]


def test_packages_that_cannot_be_read_are_the_sources_error(workbench: Workbench) -> None:
    version = workbench.version("3", {"app.js": ""}, {}, runtime="nodejs22.x")
    gone = replace(version, code=replace(version.code, tar=Path("/nonexistent/code.tar")))

    with pytest.raises(SourceError, match="cannot be read from the artefact store"):
        missing_handler(gone)


# --- Node.js --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("handler", "code", "layers"),
    [
        ("index.handler", {"index.js": ""}, {}),
        ("index.handler", {"index.mjs": ""}, {}),
        ("index.handler", {"index.cjs": ""}, {}),
        ("src/app.handler", {"src/app.js": ""}, {}),
        ("./src/app.handler", {"src/app.js": ""}, {}),
        ("index.orders.handler", {"index.js": ""}, {}),
        ("app.handler", {"app/index.js": ""}, {}),
        ("tracer.handler", {"node_modules/tracer/index.js": ""}, {}),
        ("tracer.handler", {"x.js": ""}, {"t 1": {"nodejs/node_modules/tracer/index.js": ""}}),
        ("/opt/nodejs/node_modules/tracer/handler.handler", {"x.js": ""},
         {"t 1": {"nodejs/node_modules/tracer/handler.mjs": ""}}),
    ],
)  # fmt: skip
def test_a_node_handler_is_found_where_lambda_finds_it(
    workbench: Workbench, handler: str, code: Files, layers: Mapping[str, Files]
) -> None:
    assert said(workbench, handler, code, layers, runtime="nodejs22.x") is None


@pytest.mark.parametrize("file", ["main.js", "index.ts", "index.jsx", "dist/main.js"])
def test_a_node_file_that_is_not_there_is_missing(workbench: Workbench, file: str) -> None:
    assert said(workbench, "index.handler", {file: ""}, runtime="nodejs22.x") == (
        "handler index.handler needs index.js, .mjs or .cjs, and none of them exists"
    )


def test_where_a_bundler_put_a_node_file_is_named(workbench: Workbench) -> None:
    why = said(workbench, "index.handler", {"dist/index.mjs": ""}, runtime="nodejs22.x")

    assert why is not None
    assert why.endswith("none of them exists; there is dist/index.mjs")


def test_a_python_handler_on_a_node_runtime_is_missing(workbench: Workbench) -> None:
    assert said(workbench, "app.handler", {"app.py": HANDLER}, runtime="nodejs22.x") is not None


def test_a_handler_without_an_export_is_said(workbench: Workbench) -> None:
    why = said(workbench, "src/index", {"src/index.js": ""}, runtime="nodejs22.x")

    assert why == "handler 'src/index' does not name a file and an export, as in index.handler"


# --- Ruby -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("handler", "code", "layers"),
    [
        ("app.handler", {"app.rb": ""}, {}),
        ("app.Orders::Api.process", {"app.rb": ""}, {}),
        ("src/app.handler", {"src/app.rb": ""}, {}),
        ("app.handler", {"x.rb": ""}, {"shared 1": {"ruby/lib/app.rb": ""}}),
        ("app.handler", {"vendor/bundle/ruby/3.4.0/gems/app-1.0/lib/app.rb": ""}, {}),
    ],
)
def test_a_ruby_handler_is_found_where_lambda_finds_it(
    workbench: Workbench, handler: str, code: Files, layers: Mapping[str, Files]
) -> None:
    assert said(workbench, handler, code, layers, runtime="ruby3.4") is None


def test_a_ruby_file_that_is_not_there_is_missing(workbench: Workbench) -> None:
    why = said(workbench, "app.handler", {"lib/app.rb": ""}, runtime="ruby3.4")

    assert why == "handler app.handler needs app.rb, which does not exist; there is lib/app.rb"


def test_a_ruby_load_path_of_the_functions_own_is_not_judged(workbench: Workbench) -> None:
    environment = {"RUBYLIB": "/var/task/lib"}

    assert (
        said(workbench, "app.x", {"lib/app.rb": ""}, runtime="ruby3.4", environment=environment)
        is None
    )


# --- executables ----------------------------------------------------------------------------


def executable(workbench: Workbench, name: str, mode: int, tmp_path: Path) -> FunctionVersion:
    """A version whose code is a zip with one file of that mode."""
    path = tmp_path / "code.zip"
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (0o100000 | mode) << 16
    with zipfile.ZipFile(path, "w") as made:
        made.writestr(info, b"\x7fELF")
    code = ArtifactStore(tmp_path / "zips").load(path, label="code.zip", root_dir="/var/task")
    version = workbench.version("3", {"x": ""}, {}, runtime="provided.al2023", handler="main")
    return replace(version, code=code)


def test_a_bootstrap_that_can_be_executed_is_found(workbench: Workbench, tmp_path: Path) -> None:
    assert missing_handler(executable(workbench, "bootstrap", 0o755, tmp_path)) is None


def test_a_bootstrap_that_nobody_may_execute_is_said(workbench: Workbench, tmp_path: Path) -> None:
    why = missing_handler(executable(workbench, "bootstrap", 0o644, tmp_path))

    assert why == "/var/task/bootstrap is not executable (its mode is 0644)"


def test_a_bootstrap_may_come_from_a_layer(workbench: Workbench, tmp_path: Path) -> None:
    version = executable(workbench, "bootstrap", 0o755, tmp_path)
    layered = workbench.version("3", {"x": ""}, {"shell 1": {"x": ""}}, runtime="provided.al2")
    (layer,) = layered.layers

    assert missing_handler(layered) == (
        "provided.al2 needs an executable named bootstrap at the root of the code or of a layer, "
        "and neither has one"
    )
    brought = replace(layered, layers=(layer, replace(layer, artifact=version.code)))
    assert missing_handler(brought) is None


def test_a_bootstrap_in_a_folder_is_not_found_and_named(
    workbench: Workbench, tmp_path: Path
) -> None:
    why = missing_handler(executable(workbench, "bin/bootstrap", 0o755, tmp_path))

    assert why is not None
    assert why.endswith("neither has one; there is bin/bootstrap")


def test_a_go_handler_is_an_executable_of_that_name(workbench: Workbench, tmp_path: Path) -> None:
    version = changed(executable(workbench, "main", 0o755, tmp_path), runtime="go1.x")

    assert missing_handler(version) is None
    assert missing_handler(changed(version, handler="orders")) == (
        "handler orders needs an executable of that name in the code, which has none"
    )


# --- what is not looked at ------------------------------------------------------------------


@pytest.mark.parametrize("runtime", ["java21", "dotnet8", "cobol85"])
def test_of_other_runtimes_nothing_is_said(workbench: Workbench, runtime: str) -> None:
    assert said(workbench, "acme.Orders::handle", {"x": ""}, runtime=runtime) is None


def test_of_a_container_image_nothing_is_said(workbench: Workbench) -> None:
    version = workbench.version("3", {"x": ""}, {})
    image = ContainerImage(uri="registry.example/orders@sha256:00")

    assert missing_handler(version) is not None
    assert missing_handler(replace(version, image=image)) is None
