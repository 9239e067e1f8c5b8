"""The example project as it stands in the repository: configuration, events, pins, build script.

Nothing here downloads, and no verdict is tested here.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

EXAMPLE = Path(__file__).parents[2] / "example_project"
EVENTS = sorted((EXAMPLE / "events").glob("*/*.json"))
REQUIREMENTS = sorted((EXAMPLE / "layers").glob("*.txt"))
ENVELOPE_KEYS = {"lambda_rollback", "event", "context", "recorded", "expect"}


@pytest.fixture
def functions() -> dict[str, Any]:
    config = tomllib.loads((EXAMPLE / "lambda-rollback.toml").read_text("utf-8"))
    named: dict[str, Any] = config["functions"]
    assert set(named) == {"orders", "loyalty"}
    return named


@pytest.fixture
def orders(functions: dict[str, Any]) -> dict[str, Any]:
    function: dict[str, Any] = functions["orders"]
    return function


@pytest.fixture
def build_folder(tmp_path: Path) -> Path:
    """A copy of the build script without requirements: nothing in it needs a network."""
    shutil.copy(EXAMPLE / "build.py", tmp_path)
    (tmp_path / "layers").mkdir()
    return tmp_path


def build(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the build script with a package index out of reach."""
    return subprocess.run(
        [sys.executable, str(folder / "build.py")],
        env=os.environ | {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def own_wheel(folder: Path) -> str:
    """Write a wheel of one module; gives its requirement line, with hash."""
    module = b'GREETING = "hello"\n'
    digest = base64.urlsafe_b64encode(hashlib.sha256(module).digest()).rstrip(b"=").decode()
    info = "greeter-1.0.dist-info"
    wheel = folder / "greeter-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("greeter.py", module)
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: greeter\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr(
            f"{info}/RECORD",
            f"greeter.py,sha256={digest},{len(module)}\n{info}/METADATA,,\n{info}/WHEEL,,\n"
            f"{info}/RECORD,,\n",
        )
    return f"greeter==1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


def test_every_declared_path_is_in_the_repository_or_built(functions: dict[str, Any]) -> None:
    built = {f"layers/{requirements.stem}" for requirements in REQUIREMENTS}
    for declared in functions.values():
        assert list((EXAMPLE / declared["events"]).glob("*.json"))
        for version in declared["versions"].values():
            module, _, function = version["handler"].partition(".")
            code = EXAMPLE / version["code"] / f"{module}.py"
            assert f"def {function}(event, context):" in code.read_text("utf-8")
            for layer in version.get("layers", ()):
                assert layer in built or (EXAMPLE / layer / "python").is_dir()


def test_targets_are_declared_versions_older_than_the_current_one(
    functions: dict[str, Any],
) -> None:
    for function in functions.values():
        assert function["targets"]
        for target in function["targets"]:
            assert target in function["versions"]
            assert int(target) < int(function["current"])


def test_the_table_of_points_is_in_the_template_and_has_items(functions: dict[str, Any]) -> None:
    private = functions["loyalty"]["services"]["aws"]
    template = (EXAMPLE / private["template"]).read_text("utf-8")
    assert "AWS::Serverless::SimpleTable" in template
    for version in functions["loyalty"]["versions"].values():
        name = re.fullmatch(r"\$\{resources\.(\w+)\}", version["environment"]["TABLE"])
        assert name is not None
        assert f"\n  {name[1]}:\n" in template
    (folder,) = private["data"]
    assert json.loads((EXAMPLE / folder / "points.json").read_text("utf-8"))


def test_acceptances_name_a_target_an_event_a_reason_and_a_date(orders: dict[str, Any]) -> None:
    assert orders["accept"]
    for accept in orders["accept"]:
        assert accept["target"] in orders["targets"]
        assert any(path.match(f"{accept['check']}.json") for path in EVENTS)
        assert accept["reason"]
        assert isinstance(accept["until"], datetime.date)


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.stem)
def test_events_are_api_gateway_or_sqs(path: Path) -> None:
    event = json.loads(path.read_text("utf-8"))
    if "lambda_rollback" in event:
        assert set(event) <= ENVELOPE_KEYS
        event = event["event"]
    if "Records" not in event:
        assert event["requestContext"]["stage"]
        assert event["httpMethod"] == "GET" or json.loads(event["body"])
        return
    for record in event["Records"]:
        assert record["eventSource"] == "aws:sqs"
        assert record["md5OfBody"] == hashlib.md5(record["body"].encode()).hexdigest()
        assert json.loads(record["body"])


def test_both_event_sources_and_an_expected_error_are_there() -> None:
    events = [json.loads(path.read_text("utf-8")) for path in EVENTS]
    assert any("httpMethod" in event for event in events)
    assert any("Records" in event for event in events)
    assert [event["expect"] for event in events if "expect" in event] == [{"error": "InvalidOrder"}]


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.stem)
def test_every_requirement_is_pinned_with_a_hash(path: Path) -> None:
    lines = path.read_text("utf-8").splitlines()
    assert lines
    for line in lines:
        assert re.fullmatch(r"[\w.-]+==[\w.]+( --hash=sha256:[0-9a-f]{64})+", line)


def test_layers_of_one_name_hold_one_distribution_in_two_majors() -> None:
    pins = [path.read_text("utf-8").split(" ")[0].split("==") for path in REQUIREMENTS]
    assert [name for name, _ in pins] == ["PyJWT", "PyJWT"]
    assert [version.split(".")[0] for _, version in pins] == ["1", "2"]


def test_build_makes_a_layer_once_and_mends_it(build_folder: Path, tmp_path: Path) -> None:
    (build_folder / "layers" / "third-party-9.txt").write_text(own_wheel(tmp_path), "utf-8")
    module = build_folder / "layers" / "third-party-9" / "python" / "greeter.py"

    first = build(build_folder, PIP_FIND_LINKS=str(tmp_path))
    assert first.returncode == 0, first.stderr
    assert "third-party-9: downloading greeter==1.0" in first.stdout
    assert module.read_text("utf-8") == 'GREETING = "hello"\n'

    second = build(build_folder)
    assert (second.returncode, second.stdout) == (0, "third-party-9: greeter==1.0 is there\n")

    module.write_text("", "utf-8")
    third = build(build_folder, PIP_FIND_LINKS=str(tmp_path))
    assert third.returncode == 0, third.stderr
    assert module.read_text("utf-8") == 'GREETING = "hello"\n'
    assert sorted(path.name for path in (build_folder / "layers").iterdir()) == [
        "third-party-9",
        "third-party-9.txt",
    ]


def test_build_without_a_package_index_says_what_to_do(build_folder: Path) -> None:
    shutil.copy(REQUIREMENTS[0], build_folder / "layers")
    run = build(build_folder, PIP_FIND_LINKS="")
    assert run.returncode == 1
    first, *_, last = run.stderr.splitlines()
    assert first == (
        "third-party-1 was not made: pip could not download what third-party-1.txt pins."
    )
    assert last == "Check the network and pip's settings, then run this script again."
    assert not (build_folder / "layers" / "third-party-1").exists()


def test_build_refuses_a_wheel_that_is_not_the_pinned_one(
    build_folder: Path, tmp_path: Path
) -> None:
    line = own_wheel(tmp_path)
    wrong = re.sub("sha256:.{4}", "sha256:0000", line)
    (build_folder / "layers" / "third-party-9.txt").write_text(wrong, "utf-8")
    run = build(build_folder, PIP_FIND_LINKS=str(tmp_path))
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1].endswith("third-party-9.txt pins: do not use it.")
    assert not (build_folder / "layers" / "third-party-9").exists()
