"""Coverage of real functions in containers, by tracing (3.11) and by monitoring (3.13)."""

from __future__ import annotations

import pytest

from helpers.made_versions import changed
from pytest_lambda_rollback.coverage.agent_layer import coverage_version
from pytest_lambda_rollback.model.coverage import answer_of, event_coverage, merge
from pytest_lambda_rollback.model.replay import OutcomeKind

pytestmark = pytest.mark.docker

CODE = """\
import os
import shared

def handler(event, context):
    if event["do"] == "raise":
        raise LookupError(shared.name)
    if event["do"] == "gift":
        return 0
    return [
        context.memory_limit_in_mb,
        os.environ["_HANDLER"],
        os.environ.get("PYTHONPATH"),
    ]
"""


@pytest.fixture(params=["python3.11", "python3.13"])
def runtime(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def missed(outcome):
    answer = answer_of(outcome)
    assert answer is not None, f"{outcome.kind}: {outcome.detail} {outcome.logs}"
    assert answer.complete
    return {file.name: file.missed for file in answer.files}


def test_what_events_reach_in_a_container(start, ask, store, runtime):
    layer = store.layer("shared", {"python/shared.py": "name = 'shared'\n"})
    target = store.version(CODE, layers=(layer,), runtime=runtime)
    environment = start(coverage_version(target, store.folder))

    first, second, third = (ask(environment, do) for do in ("plain", "raise", "gift"))

    assert missed(first) == {"app.py": ((6, 6), (8, 8))}
    assert missed(second) == {"app.py": ((8, 8),)}
    assert answer_of(second).error == "LookupError"
    assert missed(third) == {"app.py": ()}
    coverage = merge(
        event_coverage(each, event="one", source="SQS") for each in (first, second, third)
    )
    assert (coverage.events, coverage.percent) == (3, 100)


def test_a_search_path_of_the_functions_own_is_left_to_it(start, ask, store, runtime):
    files = {"app.py": CODE.replace("import shared", "import mine as shared")}
    files["lib/mine.py"] = "name = 'mine'\n"
    target = changed(
        store.version(runtime=runtime),
        code=store.artifact(files, "code"),
        environment=(("PYTHONPATH", "/var/task/lib"),),
    )
    outcome = ask(start(coverage_version(target, store.folder)), "plain")

    assert outcome.kind is OutcomeKind.RESPONSE
    assert missed(outcome) == {"app.py": ((6, 6), (8, 8)), "lib/mine.py": ()}
    assert answer_of(outcome).error is None
