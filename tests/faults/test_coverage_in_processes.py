"""Coverage of real functions on AWS's runtime client in local processes."""

from __future__ import annotations

import json
import platform
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from helpers.made_versions import changed
from pytest_lambda_rollback.coverage.agent_layer import coverage_version
from pytest_lambda_rollback.engines.host.interpreters import InterpreterFinder
from pytest_lambda_rollback.engines.process.engine import ProcessEngine
from pytest_lambda_rollback.model.coverage import CoverageAnswer, answer_of, event_coverage, merge
from pytest_lambda_rollback.model.replay import Invocation, Outcome, OutcomeKind
from pytest_lambda_rollback.model.versions import FunctionConfiguration, FunctionVersion, Layer
from pytest_lambda_rollback.packages.artifacts import ArtifactStore
from pytest_lambda_rollback.reports.coverage_report import coverage_lines
from pytest_lambda_rollback.session.pool import EnvironmentPool

pytestmark = pytest.mark.fault

ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
APP = """\
    import os
    import rules

    def handler(event, context):
        if event.get("raise"):
            raise LookupError(event)
        if event.get("exit"):
            os._exit(3)
        if event.get("sleep"):
            while context.get_remaining_time_in_millis() > event["sleep"]:
                pass
        return {"price": rules.price(event), "handler": os.environ["_HANDLER"]}
    """
RULES = """\
    def price(event):
        if event.get("gift"):
            return 0
        return 1
    """

Measure = Callable[..., Outcome]


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "store")


@pytest.fixture
def pool(store: ArtifactStore, pytestconfig: pytest.Config) -> Iterator[EnvironmentPool]:
    cache = pytestconfig.rootpath / ".cache" / "process-engine"
    finder = InterpreterFinder(cache_dir=cache)
    engine = ProcessEngine(store_unpack=store.unpack, interpreters=finder)
    yield EnvironmentPool(engine)
    engine.close()


@pytest.fixture
def target(store: ArtifactStore, tmp_path: Path) -> FunctionVersion:
    def package(name: str, files: dict[str, str], root_dir: str) -> Any:
        for file, text in files.items():
            path = tmp_path / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        return store.load(tmp_path / name, label=name, root_dir=root_dir)

    layer = package("layer", {"python/shared.py": "a = 1\n"}, "/opt")
    return FunctionVersion(
        function="orders",
        version="3",
        code=package("code", {"app.py": APP, "rules.py": RULES}, "/var/task"),
        layers=(Layer(name="shared", version="1", artifact=layer),),
        configuration=FunctionConfiguration(
            runtime="python{}.{}".format(*sys.version_info),
            architecture=ARCHITECTURE,
            handler="app.handler",
            timeout_s=10.0,
        ),
    )


@pytest.fixture
def measure(pool: EnvironmentPool, target: FunctionVersion, tmp_path: Path) -> Measure:
    """Replay events for coverage as a session does, each in a fresh environment."""

    def replay(version: FunctionVersion | None = None, **event: Any) -> Outcome:
        measured = coverage_version(version or target, tmp_path / "store" / "artifacts")
        payload = json.dumps(event).encode()
        return pool.replay(measured, lambda: Invocation(request_id="id", event=payload))

    return replay


def missed(answer: CoverageAnswer | None) -> dict[str, tuple[tuple[int, int], ...]]:
    assert answer is not None
    return {file.name: file.missed for file in answer.files}


def test_the_judged_replay_and_the_measured_one_are_of_one_function(
    measure: Measure, pool: EnvironmentPool, target: FunctionVersion
) -> None:
    judged = pool.replay(target, lambda: Invocation(request_id="id", event=b"{}"))
    assert json.loads(judged.payload or b"") == {"price": 1, "handler": "app.handler"}
    first, second = measure(), measure(gift=1)
    assert (first.cold, second.cold) == (True, True)
    assert missed(answer_of(first)) == {
        "app.py": ((6, 6), (8, 8), (10, 11)), "rules.py": ((3, 3),)
    }  # fmt: skip
    assert missed(answer_of(second)) == {
        "app.py": ((6, 6), (8, 8), (10, 11)), "rules.py": ((4, 4),)
    }  # fmt: skip


def test_events_in_one_environment_add_to_one_another(
    pool: EnvironmentPool, target: FunctionVersion, tmp_path: Path
) -> None:
    measured = coverage_version(target, tmp_path / "store" / "artifacts")
    with pool.fresh(measured) as environment:
        first, second = (
            environment.invoke(Invocation(request_id="id", event=event))
            for event in (b"{}", b'{"gift": 1}')
        )
    assert (first.cold, second.cold) == (True, False)
    assert missed(answer_of(first))["rules.py"] == ((3, 3),)
    assert missed(answer_of(second)) == {"app.py": ((6, 6), (8, 8), (10, 11)), "rules.py": ()}


def test_errors_of_the_function_are_measured(measure: Measure) -> None:
    answer = answer_of(measure(**{"raise": 1}))
    assert answer is not None
    assert answer.error == "LookupError"
    assert missed(answer)["app.py"] == ((7, 12),)


def test_an_exit_loses_its_event_and_not_the_next(measure: Measure) -> None:
    ended = measure(exit=1)
    assert answer_of(ended) is None
    assert missed(answer_of(measure()))["rules.py"] == ((3, 3),)
    events = [
        event_coverage(each, event=name, source="SQS")
        for name, each in (("exit", ended), ("plain", measure()))
    ]
    assert coverage_lines(merge(events), of="orders:3 by alias") == [
        "evidence for orders:3 by alias: 2 events from SQS; reached 10 of 15 lines (66 %) of 2 "
        "files",
        "  7 of 11 lines of app.py, not 6, 8, 10-11",
        "  3 of 4 lines of rules.py, not 3",
        "  excluding 1 event not measured (exit: the runtime exited with status 3 during the "
        "invocation)",
    ]


def test_the_function_has_its_own_time_left(measure: Measure, target: FunctionVersion) -> None:
    outcome = measure(changed(target, timeout_s=1.0), sleep=500)
    assert outcome.kind is OutcomeKind.RESPONSE
    assert missed(answer_of(outcome))["app.py"] == ((6, 6), (8, 8))
    assert outcome.duration_s > 0.4


def test_code_that_cannot_be_loaded_is_measured_as_far_as_it_came(
    measure: Measure, store: ArtifactStore, tmp_path: Path, target: FunctionVersion
) -> None:
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "app.py").write_text("a = 1\nimport gone\ndef handler(event, context):\n    pass\n")
    code = store.load(folder, label="code", root_dir="/var/task")
    for _ in range(2):
        answer = answer_of(measure(replace(target, code=code)))
        assert answer is not None
        assert answer.error == "ModuleNotFoundError"
        assert missed(answer) == {"app.py": ((3, 4),)}
