"""The start of Python's runtime in real containers: search path, `__main__`, wrapper scripts."""

from __future__ import annotations

import pytest

from pytest_lambda_rollback.model.replay import OutcomeKind

pytestmark = pytest.mark.docker

SEEN = """
import os, sys, __main__, boto3
def handler(event, context):
    return {
        "path": sys.path,
        "client": __main__.awslambdaricmain.__name__,
        "boto3": boto3.__file__,
        "variables": dict(os.environ),
    }
def other(event, context):
    return "the other handler"
"""


@pytest.mark.parametrize("version", ["3.11", "3.13"])
def test_search_path_and_main_module_are_lambdas(start, answer, store, version):
    layer = store.layer("layer", {"python/a.py": "", f"python/lib/python{version}/b.py": ""})
    seen = answer(start(store.version(SEEN, runtime=f"python{version}", layers=(layer,))))

    assert seen["path"][:5] == [
        "/var/task",
        f"/opt/python/lib/python{version}/site-packages",
        "/opt/python",
        f"/var/lang/lib/python{version}/site-packages",
        "/var/runtime",
    ]
    assert seen["client"] == "awslambdaric.__main__"
    assert seen["boto3"] == f"/var/lang/lib/python{version}/site-packages/boto3/__init__.py"
    assert seen["variables"]["PYTHONPATH"] == "/var/runtime"


def test_pythonpath_takes_the_place_of_the_layers_folders(start, answer, store):
    version = store.version(SEEN, environment=(("PYTHONPATH", "/opt/lib:/var/task/vendored"),))

    path = answer(start(version))["path"]

    assert path[:4] == ["/var/task", "/var/runtime", "/opt/lib", "/var/task/vendored"]
    assert "/opt/python" not in path
    assert path[-1] == "/var/lang/lib/python3.11/site-packages"


WRAPPERS = {
    "works": '#!/bin/sh\nexport WRAPPED=yes\nexec "$@"\n',
    "other-handler": '#!/bin/sh\nexport _HANDLER=app.other\nexec "$@"\n',
    "ends": "#!/bin/sh\necho 'no licence'\nexit 3\n",
}


def test_wrapper_of_a_layer_runs_the_runtime(start, answer, store):
    layer = store.layer("wrappers", WRAPPERS, mode=0o755)

    def wrapped(name):
        variables = (("AWS_LAMBDA_EXEC_WRAPPER", f"/opt/{name}"),)
        return start(store.version(SEEN, layers=(layer,), environment=variables))

    assert answer(wrapped("works"))["variables"]["WRAPPED"] == "yes"
    assert answer(wrapped("other-handler")) == "the other handler"


@pytest.mark.parametrize(
    ("name", "mode", "status", "log"),
    [
        ("missing", 0o755, 127, "/opt/missing: does not exist"),
        ("works", 0o644, 126, "/opt/works: is not an executable"),
        ("ends", 0o755, 3, "no licence"),
    ],
)
def test_wrapper_that_cannot_run_ends_the_initialisation(
    start, ask, store, name, mode, status, log
):
    layer = store.layer("wrappers", WRAPPERS, mode=mode)
    variables = (("AWS_LAMBDA_EXEC_WRAPPER", f"/opt/{name}"),)
    environment = start(store.version(SEEN, layers=(layer,), environment=variables))

    outcome = ask(environment)

    assert outcome.kind is not OutcomeKind.RESPONSE
    assert outcome.detail == f"the runtime exited with status {status} during the initialisation"
    assert outcome.logs == (log,)
    assert not environment.alive
