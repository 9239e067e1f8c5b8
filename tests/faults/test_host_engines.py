"""Real functions on AWS's runtime client in sandboxes and processes: all ways in which one ends."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import textwrap
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from helpers.host_processes import processes_with, wait_until_none_with
from helpers.made_versions import changed
from helpers.sandbox_gate import needed_bubblewrap
from pytest_lambda_rollback.engines.host.interpreters import InterpreterFinder
from pytest_lambda_rollback.engines.host.run_folder import RunFolder
from pytest_lambda_rollback.engines.process.engine import ProcessEngine
from pytest_lambda_rollback.engines.sandbox.engine import SandboxEngine
from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.model.replay import Invocation, Outcome, OutcomeKind
from pytest_lambda_rollback.model.versions import FunctionConfiguration, FunctionVersion, Layer
from pytest_lambda_rollback.packages.artifacts import ArtifactStore

pytestmark = pytest.mark.fault

OWN = "{}.{}".format(*sys.version_info)
ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
HANG_GUARD_S = 20

MakeVersion = Callable[..., FunctionVersion]
HostEngine = SandboxEngine | ProcessEngine
MakeEngine = Callable[..., HostEngine]


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "store")


@pytest.fixture
def work_dir(tmp_path: Path) -> Path:
    return tmp_path / "work"


@pytest.fixture(params=["sandbox", "process"])
def make_engine(request: pytest.FixtureRequest, pytestconfig: pytest.Config) -> MakeEngine:
    def make(**options: Any) -> HostEngine:
        options |= {"interpreters": InterpreterFinder(cache_dir=_cache_dir(pytestconfig))}
        if request.param == "sandbox":
            return SandboxEngine(bubblewrap=needed_bubblewrap(), **options)
        return ProcessEngine(**options)

    return make


@pytest.fixture
def engine(make_engine: MakeEngine, store: ArtifactStore, work_dir: Path) -> Iterator[HostEngine]:
    engine = make_engine(store_unpack=store.unpack, work_dir=work_dir)
    yield engine
    engine.close()
    assert list(work_dir.iterdir() if work_dir.exists() else ()) == [], "nothing is left on disk"
    wait_until_none_with(str(work_dir))


@pytest.fixture
def make_version(store: ArtifactStore, tmp_path: Path) -> MakeVersion:
    def make(
        code: str | dict[str, str], *, layers: tuple[dict[str, str], ...] = (), **changes: Any
    ) -> FunctionVersion:
        files = {"app.py": code} if isinstance(code, str) else code
        version = FunctionVersion(
            function="orders",
            version="3",
            code=store.load(_folder(tmp_path, files), label="code", root_dir="/var/task"),
            layers=tuple(
                Layer(
                    name=f"layer-{number}",
                    version="1",
                    artifact=store.load(_folder(tmp_path, layer), label="layer", root_dir="/opt"),
                )
                for number, layer in enumerate(layers)
            ),
            configuration=FunctionConfiguration(
                runtime=f"python{OWN}",
                architecture=ARCHITECTURE,
                handler="app.handler",
                timeout_s=HANG_GUARD_S,
            ),
        )
        return changed(version, **changes)

    return make


def _folder(parent: Path, files: dict[str, str]) -> Path:
    folder = parent / f"package-{len(list(parent.iterdir()))}"
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    return folder


def _cache_dir(config: pytest.Config) -> Path:
    return config.rootpath / ".cache" / "process-engine"


def _invocation(event: object = None, request_id: str = "id-1", **more: Any) -> Invocation:
    return Invocation(request_id=request_id, event=json.dumps(event).encode(), **more)


def _replay(engine: HostEngine, version: FunctionVersion, event: object = None) -> Outcome:
    environment = engine.start(version)
    try:
        return environment.invoke(_invocation(event))
    finally:
        environment.close()


def _value(outcome: Outcome) -> Any:
    assert outcome.kind is OutcomeKind.RESPONSE, f"{outcome.detail} {outcome.logs}"
    return json.loads(outcome.payload or b"")


# --- outcomes -----------------------------------------------------------------------------------


def test_a_response_and_warm_replays_in_one_runtime(
    engine: HostEngine, make_version: MakeVersion
) -> None:
    version = make_version(
        """
        import os
        print("loaded")
        def handler(event, context):
            print("called")
            return {"pid": os.getpid(), "event": event}
        """
    )
    environment = engine.start(version)
    first = environment.invoke(_invocation({"n": 1}))
    second = environment.invoke(_invocation({"n": 2}))
    assert _value(first)["event"] == {"n": 1}
    assert _value(second)["event"] == {"n": 2}
    assert _value(first)["pid"] == _value(second)["pid"]
    assert (first.cold, second.cold) == (True, False)
    assert (first.logs, second.logs) == (("loaded", "called"), ("called",))
    assert environment.alive
    environment.close()
    environment.close()
    assert not environment.alive


def test_a_raised_error_has_type_message_trace_and_its_own_logs(
    engine: HostEngine, make_version: MakeVersion
) -> None:
    version = make_version(
        """
        def handler(event, context):
            print("order", event)
            if event == 2:
                raise KeyError("total")
        """
    )
    environment = engine.start(version)
    environment.invoke(_invocation(1))
    outcome = environment.invoke(_invocation(2))
    assert outcome.kind is OutcomeKind.FUNCTION_ERROR
    assert outcome.error is not None
    assert (outcome.error.type, outcome.error.message) == ("KeyError", "'total'")
    assert "app.py" in outcome.error.stack_trace[0]
    assert 'raise KeyError("total")' in outcome.error.stack_trace[-1]
    assert len(outcome.error.stack_trace) == 1
    assert outcome.detail == "raised KeyError: 'total'"
    assert "order 2" in outcome.logs
    assert "order 1" not in outcome.logs
    assert environment.alive, "Lambda reuses an environment after an error"
    environment.close()


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        ("import nowhere", "Runtime.ImportModuleError", "No module named 'nowhere'"),
        ("raise ValueError('no table')", "ValueError", "no table"),
        ("def handler(:", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app'"),
        ("x = 1", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"),
    ],
)
def test_an_init_error(
    engine: HostEngine, make_version: MakeVersion, code: str, kind: str, message: str
) -> None:
    environment = engine.start(make_version("print('before')\n" + code))
    outcome = environment.invoke(_invocation())
    assert outcome.kind is OutcomeKind.INIT_ERROR
    assert outcome.error is not None
    assert outcome.error.type == kind
    assert message in outcome.error.message
    assert outcome.detail.startswith(f"failed to initialise: {kind}: ")
    assert not environment.alive
    # Its own log, without what AWS's client says about the error.
    assert outcome.logs == (() if "SyntaxError" in kind else ("before",))
    environment.close()


def test_a_timeout_ends_the_runtime_and_a_fresh_one_works(
    engine: HostEngine, make_version: MakeVersion
) -> None:
    version = make_version(
        CHILD
        + """
def handler(event, context):
    print("seen")
    while event == "hang":
        pass
    return "fine"
""",
        timeout_s=1.0,
        environment=(("MARK", mark := uuid.uuid4().hex),),
    )
    environment = engine.start(version)
    outcome = environment.invoke(_invocation("hang"))
    assert (outcome.kind, outcome.detail) == (OutcomeKind.TIMEOUT, "timed out after 1 s")
    assert outcome.duration_s >= 1.0
    assert not environment.alive
    assert "seen" in outcome.logs
    assert processes_with(mark)
    environment.close()
    wait_until_none_with(mark)
    assert _value(_replay(engine, version)) == "fine"


def test_an_initialisation_that_hangs_times_out(
    store: ArtifactStore, make_version: MakeVersion, make_engine: MakeEngine
) -> None:
    version = make_version("import time\nprint('waiting')\ntime.sleep(60)", timeout_s=1.0)
    engine = make_engine(store_unpack=store.unpack, init_timeout_s=1.5)
    outcome = _replay(engine, version)
    engine.close()
    assert outcome.kind is OutcomeKind.TIMEOUT
    assert outcome.detail == "did not finish its initialisation within 2.5 s"
    assert "waiting" in outcome.logs


@pytest.mark.parametrize(
    ("statement", "detail"),
    [
        ("sys.exit(3)", "the runtime exited with status 3 during the invocation"),
        ("os._exit(0)", "the runtime exited with status 0 during the invocation"),
        ("os.abort()", "the runtime was killed by SIGABRT during the invocation"),
    ],
)
def test_an_exit_in_the_handler(
    engine: HostEngine, make_version: MakeVersion, statement: str, detail: str
) -> None:
    version = make_version(
        f"""
        import os, sys
        def handler(event, context):
            print("on the way out", file=sys.stderr, flush=True)
            {statement}
        """
    )
    environment = engine.start(version)
    outcome = environment.invoke(_invocation())
    assert (outcome.kind, outcome.detail) == (OutcomeKind.RUNTIME_EXIT, detail)
    assert "on the way out" in outcome.logs
    assert not environment.alive
    environment.close()


def test_an_exit_at_import(engine: HostEngine, make_version: MakeVersion) -> None:
    outcome = _replay(engine, make_version("import os\nos._exit(9)"))
    assert outcome.kind is OutcomeKind.RUNTIME_EXIT
    assert outcome.detail == "the runtime exited with status 9 during the initialisation"


def test_an_exit_between_two_replays_is_no_outcome_of_the_second(
    engine: HostEngine, make_version: MakeVersion
) -> None:
    version = make_version(
        """
        import os, threading
        def handler(event, context):
            threading.Timer(0.2, os._exit, (5,)).start()
        """
    )
    environment = engine.start(version)
    _value(environment.invoke(_invocation()))
    time.sleep(0.5)
    outcome = environment.invoke(_invocation())
    assert outcome.kind is OutcomeKind.HARNESS_FAILURE
    assert outcome.detail == (
        "the runtime exited with status 5 while it was idle, before it received this event"
    )
    assert not environment.alive
    environment.close()


def test_a_response_of_more_than_6_mb(engine: HostEngine, make_version: MakeVersion) -> None:
    version = make_version("def handler(event, context):\n    return 'x' * event")
    assert len(_value(_replay(engine, version, 6_291_554))) == 6_291_554
    outcome = _replay(engine, version, 6_291_555)
    assert outcome.kind is OutcomeKind.RESPONSE_TOO_LARGE
    assert outcome.detail == "answered 6,291,557 bytes, more than Lambda's limit of 6,291,556"


def test_a_file_that_is_larger_than_tmp_cannot_be_made(
    engine: HostEngine, make_version: MakeVersion
) -> None:
    version = make_version(
        """
        import os, tempfile
        def handler(event, context):
            with tempfile.TemporaryFile() as file:
                os.posix_fallocate(file.fileno(), 0, event << 20)
        """
    )
    assert _value(_replay(engine, version, 100)) is None
    outcome = _replay(engine, version, 513)
    assert outcome.kind is OutcomeKind.FUNCTION_ERROR
    assert outcome.error is not None
    assert outcome.error.type == "OSError"


def test_logs_are_the_last_lines_only(engine: HostEngine, make_version: MakeVersion) -> None:
    version = make_version(
        """
        def handler(event, context):
            for number in range(1000):
                print("line", number)
            raise ValueError
        """
    )
    logs = _replay(engine, version).logs
    assert len(logs) == 50
    assert "line 999" in logs
    assert "line 900" not in logs


# --- what a function sees -----------------------------------------------------------------------

LOOK = """
import json, os, sys
def handler(event, context):
    return {"env": dict(os.environ), "path": sys.path, "cwd": os.getcwd()}
"""


def test_nothing_of_the_hosts_environment_is_seen(
    engine: HostEngine, make_version: MakeVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "HOST_ONLY"):
        monkeypatch.setenv(name, "host-secret")
    environment = _value(_replay(engine, make_version(LOOK, environment=(("TABLE", "orders"),))))[
        "env"
    ]
    assert "host-secret" not in environment.values()
    assert environment["AWS_SECRET_ACCESS_KEY"] == "lambda-rollback-dummy"
    assert environment["TABLE"] == "orders"
    assert environment["AWS_EXECUTION_ENV"] == f"AWS_Lambda_python{OWN}"
    assert os.environ["HOME"] not in (environment.get("HOME"), environment["PATH"])


def test_imports_come_from_the_code_the_layers_and_the_runtime(
    engine: HostEngine, make_version: MakeVersion
) -> None:
    seen = _value(_replay(engine, make_version(LOOK, layers=({"python/one.py": ""},))))
    path, task = seen["path"], seen["env"]["LAMBDA_TASK_ROOT"]
    opt = path[2].removesuffix("/python")
    assert path[:4] == [
        task,
        f"{opt}/python/lib/python{OWN}/site-packages",
        f"{opt}/python",
        seen["env"]["LAMBDA_RUNTIME_DIR"],
    ]
    assert seen["cwd"] == task
    if isinstance(engine, SandboxEngine):
        assert (task, opt, path[3]) == ("/var/task", "/opt", "/var/runtime")
        return
    assert not [entry for entry in path[4:] if "site-packages" in entry and opt not in entry]
    assert not [entry for entry in path if "dist-packages" in entry]


def test_the_hosts_packages_cannot_be_imported_but_boto3_can(
    engine: HostEngine, make_version: MakeVersion
) -> None:
    version = make_version(
        """
        def handler(event, context):
            import boto3
            boto3.client("sqs")
            try:
                import pytest
            except ImportError as error:
                return str(error)
        """
    )
    assert _value(_replay(engine, version)) == "No module named 'pytest'"


def test_a_later_layer_overwrites_an_earlier_one_and_the_code_comes_first(
    engine: HostEngine, make_version: MakeVersion
) -> None:
    packages = f"python/lib/python{OWN}/site-packages"
    version = make_version(
        {
            "app.py": """
                import both, code_and_layer, only_first, packaged
                def handler(event, context):
                    names = (both, code_and_layer, only_first, packaged)
                    return [module.WHERE for module in names]
                """,
            "code_and_layer.py": "WHERE = 'code'",
        },
        layers=(
            {"python/both.py": "WHERE = 'first'", "python/only_first.py": "WHERE = 'first'"},
            {
                "python/both.py": "WHERE = 'second'",
                "python/code_and_layer.py": "WHERE = 'second'",
                "python/packaged.py": "WHERE = 'second'",
                f"{packages}/packaged.py": "WHERE = 'site-packages'",
            },
        ),
    )
    assert _value(_replay(engine, version)) == ["second", "code", "first", "site-packages"]


def test_the_context(engine: HostEngine, make_version: MakeVersion) -> None:
    version = make_version(
        """
        import os
        def handler(event, context):
            return {
                "request_id": context.aws_request_id,
                "arn": context.invoked_function_arn,
                "left": context.get_remaining_time_in_millis(),
                "custom": context.client_context.custom,
                "identity": context.identity.cognito_identity_id,
                "function": [context.function_name, context.function_version],
                "memory": context.memory_limit_in_mb,
                "group": context.log_group_name,
                "trace": os.environ["_X_AMZN_TRACE_ID"],
            }
        """,
        timeout_s=7.0,
        region="eu-west-1",
    )
    environment = engine.start(version)
    seen = _value(
        environment.invoke(
            Invocation(
                request_id="request-7",
                event=b"{}",
                trace_id="Root=1-2-3",
                client_context='{"custom": {"k": "\u00e9"}}',
                cognito_identity='{"cognitoIdentityId": "me", "cognitoIdentityPoolId": "pool"}',
            )
        )
    )
    environment.close()
    assert 0 < seen.pop("left") <= 7000
    assert seen == {
        "request_id": "request-7",
        "arn": "arn:aws:lambda:eu-west-1:123456789012:function:orders:3",
        "custom": {"k": "\u00e9"},
        "identity": "me",
        "function": ["orders", "3"],
        "memory": "128",
        "group": "/aws/lambda/orders",
        "trace": "Root=1-2-3",
    }


def test_environments_of_one_version_share_code_but_not_tmp(
    engine: HostEngine, make_version: MakeVersion
) -> None:
    version = make_version(
        """
        import os, pathlib, tempfile
        def handler(event, context):
            pathlib.Path(tempfile.gettempdir(), event).touch()
            return [os.getcwd(), sorted(os.listdir(tempfile.gettempdir()))]
        """
    )
    one, two = engine.start(version), engine.start(version)
    (task_one, files_one), (task_two, files_two) = (
        _value(environment.invoke(_invocation(name)))
        for environment, name in ((one, "a"), (two, "b"))
    )
    assert task_one == task_two
    assert (files_one, files_two) == (["a"], ["b"])
    writable = [path for path in Path(task_one).rglob("*") if path.stat().st_mode & 0o222]
    assert writable == []
    one.close()
    two.close()


def test_environments_at_the_same_time_do_not_mix(
    engine: HostEngine, make_version: MakeVersion
) -> None:
    code = "def handler(event, context):\n    return [{!r}, event, context.function_version]"
    versions = [make_version(code.format(name), version=name) for name in ("1", "2", "3")]

    def replay(version: FunctionVersion) -> list[Any]:
        environment = engine.start(version)
        values = [_value(environment.invoke(_invocation(n))) for n in range(20)]
        environment.close()
        return values

    with ThreadPoolExecutor(3) as threads:
        for version, values in zip(versions, threads.map(replay, versions), strict=True):
            assert values == [[version.version, n, version.version] for n in range(20)]


# --- nothing is left ----------------------------------------------------------------------------

CHILD = """
import os, subprocess, sys
for session in (False, True):
    subprocess.Popen(
        [sys.executable, "-S", "-c", "import time; time.sleep(600)", os.environ["MARK"]],
        start_new_session=session,
    )
"""
ANSWERS = "\ndef handler(event, context):\n    if event == 'exit':\n        os._exit(1)\n"


@pytest.mark.parametrize("whole_engine", [False, True])
def test_close_kills_the_runtime_and_its_children(
    engine: HostEngine, make_version: MakeVersion, whole_engine: bool
) -> None:
    mark = uuid.uuid4().hex
    environment = engine.start(make_version(CHILD + ANSWERS, environment=(("MARK", mark),)))
    _value(environment.invoke(_invocation()))
    assert len(processes_with(mark)) == 2
    (engine if whole_engine else environment).close()
    wait_until_none_with(mark)


def test_children_of_a_runtime_that_ended_by_itself_are_killed(
    engine: HostEngine, make_version: MakeVersion
) -> None:
    mark = uuid.uuid4().hex
    environment = engine.start(make_version(CHILD + ANSWERS, environment=(("MARK", mark),)))
    assert environment.invoke(_invocation("exit")).kind is OutcomeKind.RUNTIME_EXIT
    environment.close()
    wait_until_none_with(mark)


def test_nothing_survives_when_pytest_itself_is_killed(
    engine: HostEngine, make_version: MakeVersion, tmp_path: Path
) -> None:
    mark = uuid.uuid4().hex
    loop = "\ndef handler(event, context):\n    while True:\n        pass\n"
    code = CHILD.replace('os.environ["MARK"]', repr(mark)) + loop
    version = make_version(code, timeout_s=600.0)
    killed = tmp_path / "killed"
    script = tmp_path / "owner.py"
    script.write_text(
        textwrap.dedent(
            f"""
            from pathlib import Path, PosixPath
            from pytest_lambda_rollback.engines.process.engine import ProcessEngine
            from pytest_lambda_rollback.engines.sandbox.bubblewrap import find_bubblewrap
            from pytest_lambda_rollback.engines.sandbox.engine import SandboxEngine
            from pytest_lambda_rollback.model.replay import *
            from pytest_lambda_rollback.model.versions import *
            from pytest_lambda_rollback.packages.trees import unpack_tar
            options = dict(
                store_unpack=lambda artifact, into: unpack_tar(artifact.tar, into),
                work_dir=Path({str(killed)!r}),
            )
            if {engine.name!r} == "sandbox":
                engine = SandboxEngine(bubblewrap=find_bubblewrap(), **options)
            else:
                engine = ProcessEngine(**options)
            version = {version!r}
            engine.start(version).invoke(Invocation(request_id="a", event=b"1"))
            """
        )
    )
    root = Path(__file__).parents[2]
    owner = subprocess.Popen(
        [sys.executable, str(script)],
        cwd=root,
        env={"PYTHONPATH": str(root), "PATH": os.environ["PATH"], "HOME": os.environ["HOME"]},
    )
    try:
        end = time.monotonic() + HANG_GUARD_S
        while len(processes_with(mark)) < 2:
            assert time.monotonic() < end, "the function never ran"
            assert owner.poll() is None, "the owner ended too early"
            time.sleep(0.02)
        RunFolder(killed).remove()
        assert len(list(killed.iterdir())) == 1, "the folder of a run that lives is left alone"
    finally:
        owner.kill()
        owner.wait()
    wait_until_none_with(mark)
    wait_until_none_with(str(killed))
    RunFolder(killed).remove()
    assert list(killed.iterdir()) == [], "the next run removes the folder of a dead one"


# --- what cannot be run here --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"runtime": "nodejs22.x"}, "this one's runtime is nodejs22.x"),
        ({"runtime": "provided.al2023"}, "this one's runtime is provided.al2023"),
        (
            {"architecture": "x86_64" if ARCHITECTURE == "arm64" else "arm64"},
            f"this machine is {ARCHITECTURE}",
        ),
        ({"runtime": "python3.99"}, "no Python 3.99 on this machine"),
    ],
)
def test_what_cannot_be_run_is_an_engine_error_that_names_a_way(
    engine: HostEngine, make_version: MakeVersion, changes: dict[str, str], why: str
) -> None:
    version = make_version("", **changes)
    with pytest.raises(EngineError, match="orders:3 cannot be run") as caught:
        engine.prepare(version, lambda _line: None)
    assert why in str(caught.value)
    assert "the docker engine" in caught.value.do


def test_another_python_version_runs_or_the_error_says_what_to_install(
    engine: HostEngine, make_version: MakeVersion
) -> None:
    other = "3.13" if OWN != "3.13" else "3.12"
    version = make_version(
        """
        import boto3, sys
        def handler(event, context):
            return "{}.{}".format(*sys.version_info)
        """,
        runtime=f"python{other}",
    )
    lines: list[str] = []
    try:
        engine.prepare(version, lines.append)
    except EngineError as error:
        assert "pyenv install" in error.do or "-m pip install" in error.do  # noqa: PT017
    else:
        assert _value(_replay(engine, version)) == other
        # Who waits says so when it takes long: an unchanged run is no list of packages.
        assert not [line for line in lines if "unpacking" in line]


def test_a_closed_engine_starts_nothing(engine: HostEngine, make_version: MakeVersion) -> None:
    version = make_version(LOOK)
    environment = engine.start(version)
    engine.close()
    assert not environment.alive
    assert environment.invoke(_invocation()).kind is OutcomeKind.HARNESS_FAILURE
    with pytest.raises(EngineError, match=f"the {engine.name} engine was closed"):
        engine.start(version)


def test_the_description_says_what_is_not_sealed(
    engine: HostEngine, make_version: MakeVersion
) -> None:
    engine.prepare(make_version(""), lambda _line: None)
    description = engine.describe()
    if engine.name == "process":
        assert description.not_sealed[0] == "functions run as you, with your network and files"
        return
    assert description.not_sealed == ()
    assert "bubblewrap 0." in description.version
    assert f"Python {platform.python_version()}" in description.version


CALLS = """
import socket, urllib.request
def tried(host, port):
    try:
        socket.create_connection((host, port), 1)
    except OSError:
        pass
tried("secrets.internal", 443)
def handler(event, context):
    for host, port in event:
        tried(host, port)
    return event
"""


def test_calls_that_are_caught_are_seen_where_nothing_can_answer(
    engine: HostEngine, make_version: MakeVersion
) -> None:
    version = make_version(CALLS)
    environment = engine.start(version)
    calls = [
        environment.invoke(_invocation(event)).calls
        for event in ([["db.internal", 5432], ["203.0.113.9", 6379], ["127.0.0.1", 1]], [])
    ]
    if engine.name == "process":
        assert calls == [None, None]  # there they may reach what they call
        return
    assert calls == [
        ("secrets.internal", "db.internal:5432", "203.0.113.9:6379"),
        ("secrets.internal",),
    ]
    assert environment.renew()
    assert environment.invoke(_invocation([["a.internal", 1]])).calls == (
        "secrets.internal",
        "a.internal:1",
    )
