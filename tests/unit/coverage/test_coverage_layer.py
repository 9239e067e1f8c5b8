"""The version that measures, and the layer in it."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from helpers.made_versions import changed
from pytest_lambda_rollback.coverage import agent
from pytest_lambda_rollback.coverage import agent_layer as layer
from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.model.versions import (
    Artifact,
    FunctionConfiguration,
    FunctionVersion,
    Layer,
)
from pytest_lambda_rollback.packages.artifacts import ArtifactStore


def version(**changes: object) -> FunctionVersion:
    code = Artifact(label="code", digest="c", size_bytes=1, tar=Path("code.tar"))
    shared = Artifact(label="shared", digest="s", size_bytes=1, tar=Path("shared.tar"))
    made = FunctionVersion(
        function="orders",
        version="3",
        code=code,
        layers=(Layer(name="shared", version="1", artifact=shared),),
        configuration=FunctionConfiguration(
            runtime="python3.11", handler="app.handler", environment=(("TABLE", "orders"),)
        ),
    )
    return changed(made, **changes)


def test_it_is_the_target_with_one_layer_more(tmp_path: Path) -> None:
    target = version()
    measuring = layer.coverage_version(target, tmp_path)
    assert measuring.layers[:-1] == target.layers
    assert measuring.layers[-1].artifact.tar.parent == tmp_path
    assert measuring.configuration.handler == "_lambda_rollback_coverage.handler"
    variables = dict(measuring.configuration.environment)
    assert variables["LAMBDA_ROLLBACK_HANDLER"] == "app.handler"
    assert variables["TABLE"] == "orders"
    same = changed(
        measuring,
        layers=target.layers,
        handler=target.configuration.handler,
        environment=target.configuration.environment,
        memory_mb=target.configuration.memory_mb,
        timeout_s=target.configuration.timeout_s,
    )
    assert same == target


@pytest.mark.parametrize(("timeout_s", "longer_s"), [(3.0, 46.0), (60.0, 310.0), (900.0, 910.0)])
def test_loading_within_the_first_replay_and_slower_code_have_time_and_room(
    tmp_path: Path, timeout_s: float, longer_s: float
) -> None:
    measuring = layer.coverage_version(version(timeout_s=timeout_s, memory_mb=256), tmp_path)
    assert (measuring.configuration.timeout_s, measuring.configuration.memory_mb) == (longer_s, 512)
    variables = dict(measuring.configuration.environment)
    assert variables["LAMBDA_ROLLBACK_TIMEOUT_S"] == str(timeout_s)
    assert variables["LAMBDA_ROLLBACK_AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"


def test_a_search_path_of_the_functions_own_finds_the_agent_and_nothing_else(
    tmp_path: Path,
) -> None:
    target = version(environment=(("PYTHONPATH", "/var/task/lib"),))
    variables = dict(layer.coverage_version(target, tmp_path).configuration.environment)
    assert variables["PYTHONPATH"] == f"/var/task/lib:{agent.FOLDER}"
    assert variables["LAMBDA_ROLLBACK_PYTHONPATH"] == "/var/task/lib"


def test_equal_targets_have_equal_layers_in_one_file(tmp_path: Path) -> None:
    first = layer.coverage_version(version(), tmp_path)
    (other,) = tmp_path.iterdir()
    changed = other.stat().st_mtime_ns
    assert layer.coverage_version(version(), tmp_path) == first
    assert [each.stat().st_mtime_ns for each in tmp_path.iterdir()] == [changed]
    elsewhere = layer.coverage_version(version(), tmp_path / "other").layers[-1].artifact
    assert elsewhere.digest == first.layers[-1].artifact.digest
    assert elsewhere.tar.read_bytes() == other.read_bytes()
    assert other.name == f"{elsewhere.digest}.tar"


def test_a_damaged_file_is_made_anew(tmp_path: Path) -> None:
    tar = layer.coverage_version(version(), tmp_path).layers[-1].artifact.tar
    whole = tar.read_bytes()
    tar.write_bytes(whole[:-600])
    layer.coverage_version(version(), tmp_path)
    assert tar.read_bytes() == whole
    assert list(tmp_path.iterdir()) == [tar]


def test_it_unpacks_as_a_layer(tmp_path: Path) -> None:
    artifact = layer.coverage_version(version(), tmp_path / "tars").layers[-1].artifact
    into = tmp_path / "opt"
    into.mkdir()
    ArtifactStore(tmp_path / "store").unpack(artifact, into)
    text = Path(agent.__file__).read_bytes()
    found = sorted(path for path in into.rglob("*") if path.is_file())
    name = "_lambda_rollback_coverage.py"
    assert found == [into / "lambda-rollback-coverage" / name, into / "python" / name]
    assert {path.read_bytes() for path in found} == {text}
    assert artifact.size_bytes == sum(path.stat().st_size for path in found)
    with tarfile.open(artifact.tar) as tar:
        assert {member.mtime for member in tar} == {315532800}


def test_a_folder_that_cannot_be_written_is_a_source_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SourceError, match="coverage agent cannot be written"):
        layer.coverage_version(version(), tmp_path / "file")


@pytest.mark.parametrize(
    ("runtime", "measurable"),
    [
        ("python3.8", True),
        ("python3.11", True),
        ("python3.14", True),
        ("python3.7", False),
        ("python2.7", False),
        ("nodejs22.x", False),
        ("provided.al2023", False),
    ],
)
def test_which_runtimes_are_measured(runtime: str, measurable: bool) -> None:
    reason = layer.not_measurable(version(runtime=runtime))
    assert (reason is None) == measurable
    assert measurable or runtime in str(reason)
