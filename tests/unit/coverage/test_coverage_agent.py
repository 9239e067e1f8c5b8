"""The agent under every Python of this machine that Lambda has, as a handler in a fresh process."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_lambda_rollback.coverage import agent as agent_module
from pytest_lambda_rollback.coverage.agent_layer import MODULE
from pytest_lambda_rollback.engines.host.interpreters import candidates

AGENT = Path(agent_module.__file__)


def _pythons() -> list[str]:
    """An interpreter for each version that is here, our own among them."""
    found = []
    for minor in range(8, 15):
        path = next((each for each in candidates(f"3.{minor}") if _works(each, minor)), None)
        found += [str(path)] if path else []
    return found


def _works(path: Path, minor: int) -> bool:
    if path == Path(sys.executable):
        return True
    if not path.exists():
        return False
    command = [str(path), "-IS", "-c", "import sys; print(*sys.version_info[:2])"]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.split() == ["3", str(minor)]


PYTHONS = _pythons()
FEW = sorted({PYTHONS[0], sys.executable, PYTHONS[-1]}, key=PYTHONS.index)
"""The oldest, our own and the newest: by tracing and by monitoring."""

RUN = """
import importlib, json, sys
handler = importlib.import_module("{module}").handler
class Context:
    _epoch_deadline_time_in_ms = 5
answers = [handler(event, Context()) for event in json.loads(sys.argv[1])]
print("ANSWERS" + json.dumps(answers))
"""


@pytest.fixture(params=FEW, ids=lambda path: Path(path).name)
def python(request: pytest.FixtureRequest) -> str:
    return str(request.param)


Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path, python: str) -> Run:
    """Replay events on files in one fresh environment; the answers, or the last one."""
    opt, task = tmp_path / "opt", tmp_path / "task"
    opt.mkdir()
    agent = AGENT.read_text()
    line = f"ANSWER_LIMIT_BYTES = {agent_module.ANSWER_LIMIT_BYTES:_}"
    assert line in agent

    def replay(
        files: dict[str, str] | str,
        *events: Any,
        handler: str = "app.handler",
        variables: dict[str, str] | None = None,
        limit: int = agent_module.ANSWER_LIMIT_BYTES,
    ) -> Any:
        (opt / f"{MODULE}.py").write_text(agent.replace(line, f"ANSWER_LIMIT_BYTES = {limit}"))
        for name, text in ({"app.py": files} if isinstance(files, str) else files).items():
            path = task / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        environment = {
            "LAMBDA_ROLLBACK_HANDLER": handler,
            "LAMBDA_TASK_ROOT": str(task),
            "_HANDLER": "ours",
            **(variables or {}),
        }
        program = f"import sys; sys.path[:0] = [{str(task)!r}, {str(opt)!r}]\n"
        program += RUN.replace("{module}", MODULE)
        done = subprocess.run(
            [python, "-S", "-B", "-c", program, json.dumps(events or [{}])],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        answers = json.loads(done.stdout.partition("ANSWERS")[2])
        return answers if len(events) > 1 else answers[0]

    return replay


def lines(ranges: list[list[int]]) -> list[int]:
    return [line for first, last in ranges for line in range(first, last + 1)]


def missed(answer: Any, name: str = "app.py") -> list[int]:
    file = answer["files"][name]
    return sorted(set(lines(file["executable"])) - set(lines(file["reached"])))


# --- lines ----------------------------------------------------------------------------------


def test_lines_that_events_reach_add_up(run: Run) -> None:
    code = """\
    import json

    def handler(event, context):
        if event.get("gift"):
            # a comment
            return json.dumps(event)

        return "plain"
    """
    first, second = run(code, {}, {"gift": 1})
    assert first["files"]["app.py"]["executable"] == [[1, 1], [3, 4], [6, 6], [8, 8]]
    assert first["files"]["app.py"]["reached"] == [[1, 1], [3, 4], [8, 8]]
    assert missed(second) == []
    assert (second["error"], second["complete"], second["left_out"]) == (None, True, 0)


def test_what_never_runs_in_lambda_is_not_counted(run: Run) -> None:
    code = '''\
    """Docstring
    of the module."""
    from __future__ import annotations
    TYPE_CHECKING = False
    if TYPE_CHECKING:
        import decimal

    class Order:
        """Docstring."""
        price: decimal.Decimal
        name: str = "a"

    def handler(event, context):
        """Docstring
        in two lines."""
        return Order.name

    if __name__ == "__main__":
        handler(
            {}, None)
    '''
    answer = run(code)
    assert missed(answer) == []
    executable = lines(answer["files"]["app.py"]["executable"])
    assert not {1, 2, 6, 9, 14, 15, 19, 20} & set(executable)
    assert {3, 4, 5, 8, 11, 13, 16, 18} <= set(executable)


@pytest.mark.parametrize("python", PYTHONS, ids=lambda path: Path(path).name)
def test_nothing_that_ran_is_called_missed(run: Run) -> None:
    code = """\
    import asyncio
    import threading

    def loops(n):
        for i in range(n):
            if i % 2:
                continue
            else:
                pass
            while True:
                break
        try:
            n += 1
        finally:
            n += 2
        try:
            raise KeyError(n)
        except KeyError as error:
            n = 3
        with open("/dev/null") as file:
            n = 5
        [
            x
            for x in range(3)
            if x
        ]
        assert n == 5
        y = (n and
             n)
        del y
        ...
        "just text"

    class Source:
        async def __aenter__(self): return self
        async def __aexit__(self, *_): pass

    async def numbers():
        yield 1
        yield 2

    async def work():
        async with Source():
            async for number in numbers():
                pass
        return [
            number
            async for number in numbers()
        ]

    def generate():
        got = yield 1
        yield got
        return 3

    def delegate():
        result = yield from generate()
        return result

    def handler(event, context):
        loops(5)
        asyncio.new_event_loop().run_until_complete(work())
        list(delegate())
        def in_thread():
            value = 1
            return value
        thread = threading.Thread(target=in_thread)
        thread.start()
        thread.join()
        exec("a = 1\\nb = 2\\nc = 3")
        exec(compile("a = 1\\n" * 500, "/nowhere/made.py", "exec"))
        return {
            "a": 1,
            "b": len(event),
        }
    """
    answer = run(code)
    assert answer["error"] is None
    assert missed(answer) == []
    assert list(answer["files"]) == ["app.py"]


def test_a_coroutine_is_not_awaited_as_the_runtime_would_not(run: Run) -> None:
    answer = run("async def handler(event, context):\n    return 1\n")
    assert missed(answer) == [2]
    assert answer["error"] is None


# --- files ----------------------------------------------------------------------------------


def test_own_modules_count_also_where_no_event_loads_them(run: Run) -> None:
    files = {
        "src/app.py": """\
            from src import rules
            from . import rules as same
            def handler(event, context):
                if event:
                    from src.pdf import render
                    from .. import nothing
                return rules.price()
            """,
        "src/__init__.py": "",
        "src/rules.py": "def price():\n    return 1\n",
        "src/pdf.py": "import src.fonts.all\ndef render():\n    return 2\n",
        "src/fonts/all.py": "a = 1\n",
        "src/tests/test_rules.py": "a = 1\n",
        "broken.py": "def (:\n",
    }
    answer = run(files, handler="src/app.handler")
    assert list(answer["files"]) == ["src/app.py", "src/fonts/all.py", "src/pdf.py", "src/rules.py"]
    assert missed(answer, "src/app.py") == [5, 6]
    assert missed(answer, "src/pdf.py") == [1, 2, 3]
    assert missed(answer, "src/rules.py") == []
    assert answer["left_out"] == 0


def test_installed_distributions_are_not_the_functions_own(run: Run) -> None:
    files = {
        "app.py": """\
            import sys
            sys.path.append(sys.path[0] + "/vendor")
            import listed, named.part, shipped, single, helper
            def handler(event, context):
                return listed.f(), named.part.f(), shipped.f(), single.f(), helper.f()
            """,
        "helper.py": "def f():\n    return 1\n",
        "listed/__init__.py": "def f():\n    return 1\n",
        "listed-1.0.dist-info/RECORD": '"listed/__init__.py",sha256=x,2\nother/RECORD,,\n',
        "named/__init__.py": "",
        "named/part.py": "def f():\n    return 1\n",
        "Other_Name-2.dist-info/top_level.txt": "named\n",
        "vendor/shipped/__init__.py": "def f():\n    return 1\n",
        "vendor/shipped-3.dist-info/METADATA": "Name: shipped\n",
        "vendor/single.py": "def f():\n    return 1\n",
        "vendor/Single-1.egg-info/PKG-INFO": "Name: Single\n",
    }
    answer = run(files)
    assert answer["error"] is None
    assert list(answer["files"]) == ["app.py", "helper.py"]


def test_a_function_that_was_installed_is_its_own(run: Run) -> None:
    files = {
        "orders/app.py": "from orders import rules\ndef handler(event, context):\n    return 1\n",
        "orders/rules.py": "a = 1\n",
        "orders-1.dist-info/RECORD": "orders/app.py,,\norders/rules.py,,\n",
    }
    answer = run(files, handler="orders.app.handler")
    assert list(answer["files"]) == ["orders/app.py", "orders/rules.py"]


def test_a_source_that_is_data_is_counted_and_left_out(run: Run) -> None:
    limit = agent_module.SOURCE_LIMIT_BYTES
    files = {
        "app.py": "import data\ndef handler(event, context):\n    return 1\n",
        "data.py": f"text = {'x' * limit!r}\n",
    }
    answer = run(files)
    assert (list(answer["files"]), answer["left_out"]) == (["app.py"], 1)


def test_the_answer_stays_below_its_limit(run: Run) -> None:
    names = [f"m{number}" for number in range(9)]
    body = "".join(f"    if event.get({n}):\n        a = {n}\n" for n in range(50))
    files = {
        "app.py": f"""\
            import {", ".join(names)}
            def handler(event, context):
                return [module.f(event) for module in ({", ".join(names)})]
            """,
        **{f"{name}.py": f"def f(event):\n{body}" for name in names},
    }
    whole = run(files)
    limit = len(json.dumps(whole)) // 2
    answer = run(files, limit=limit)
    assert len(json.dumps(answer)) < limit
    assert next(iter(answer["files"])) == "app.py"
    assert answer["left_out"] == len(whole["files"]) - len(answer["files"]) > 0


# --- the function stays as it is ------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "error", "reached"),
    [
        ("def handler(event, context):\n    raise LookupError(1)\n", "LookupError", [1, 2]),
        ("import sys\ndef handler(event, context):\n    sys.exit(3)\n", "SystemExit", [1, 2, 3]),
        ("a = 1\nraise OSError(a)\ndef handler(e, c):\n    pass\n", "OSError", [1, 2]),
        ("def other(e, c):\n    pass\n", "AttributeError", [1]),
    ],
    ids=["raises", "exits", "import", "no-handler"],
)
def test_an_error_is_named_and_what_ran_before_counts(
    run: Run, code: str, error: str, reached: list[int]
) -> None:
    for answer in run(code, {}, {}):
        assert answer["error"] == error
        assert lines(answer["files"]["app.py"]["reached"]) == reached


def test_code_that_cannot_be_compiled_gives_no_lines(run: Run) -> None:
    answer = run("def handler(:\n")
    assert (answer["error"], answer["files"], answer["left_out"]) == ("SyntaxError", {}, 1)


def test_the_function_sees_its_own_variables_and_time(run: Run) -> None:
    code = """\
    import os, sys, time
    def handler(event, context):
        left = context._epoch_deadline_time_in_ms / 1000 - time.time()
        assert 5 < left <= 6.5, left
        assert not [name for name in os.environ if "ROLLBACK" in name]
        assert os.environ["_HANDLER"] == "app.handler"
        assert os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "128"
        assert os.environ["PYTHONPATH"] == "/a"
        assert "/opt/lambda-rollback-coverage" not in sys.path
        assert sys.gettrace() is None
    """
    variables = {
        "LAMBDA_ROLLBACK_TIMEOUT_S": "6.5",
        "LAMBDA_ROLLBACK_AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "384",
        "LAMBDA_ROLLBACK_PYTHONPATH": "/a",
        "PYTHONPATH": "/a:/opt/lambda-rollback-coverage",
    }
    answer = run(code, variables=variables)
    assert answer["error"] is None
    assert missed(answer) == []


def test_own_modules_with_names_of_the_standard_library_are_found(run: Run) -> None:
    files = {
        "app.py": """\
            import ast, dis, typing
            def handler(event, context):
                return ast.mine, dis.mine, typing.mine
            """,
        **{f"{name}.py": "mine = 1\n" for name in ("ast", "dis", "typing")},
    }
    first, second = run(files, {}, {})
    assert (first["error"], second["error"]) == (None, None)
    assert list(second["files"]) == ["app.py", "ast.py", "dis.py", "typing.py"]


def test_a_function_with_a_tracer_of_its_own_gets_its_events(run: Run) -> None:
    code = """\
    import sys
    def traced():
        a = 1
        return a
    def handler(event, context):
        seen = []
        def tracer(frame, event, argument):
            seen.append((event, frame.f_code.co_name))
            return tracer
        before = sys.gettrace()
        sys.settrace(tracer)
        try:
            traced()
        finally:
            sys.settrace(before)
        assert ("line", "traced") in seen, seen
        assert ("return", "traced") in seen, seen
    """
    first, second = run(code, {}, {})
    assert (first["error"], second["error"]) == (None, None)
    # What a tracer runs cannot be traced. Where the only tracer there is was taken away, more is
    # missing, and the answer says so.
    assert first["complete"] == (missed(first) == [8, 9])


def test_a_tracer_that_the_function_leaves_in_place_stays(run: Run) -> None:
    code = """\
    import sys, threading
    seen = []
    def tracer(frame, event, argument):
        seen.append(event)
        return None
    sys.settrace(tracer)
    threading.settrace(tracer)
    def handler(event, context):
        assert sys.gettrace() is tracer
        assert seen or not event
        return 1
    """
    first, second = run(code, {}, {"second": 1})
    assert (first["error"], second["error"]) == (None, None)


def test_a_monitoring_tool_of_the_function_works(run: Run) -> None:
    code = """\
    import sys
    def traced():
        return 1
    def handler(event, context):
        if not hasattr(sys, "monitoring"):
            return traced()
        m, seen = sys.monitoring, []
        m.use_tool_id(m.COVERAGE_ID, "coverage")
        m.register_callback(m.COVERAGE_ID, m.events.LINE, lambda code, line: seen.append(line))
        m.set_events(m.COVERAGE_ID, m.events.LINE)
        m.restart_events()
        traced()
        m.free_tool_id(m.COVERAGE_ID)
        assert 3 in seen, seen
    """
    answer = run(code)
    assert (answer["error"], answer["complete"]) == (None, True)
    assert missed(answer) in ([6], [7, 8, 9, 10, 11, 12, 13, 14])


def test_a_function_that_lives_by_the_recursion_limit(run: Run) -> None:
    code = """\
    def deep(n):
        return deep(n + 1)
    def handler(event, context):
        try:
            return deep(0)
        except RecursionError:
            return "too deep"
    """
    first, second = run(code, {}, {})
    assert (first["error"], second["error"]) == (None, None)
    assert {1, 2, 3, 4, 5} <= set(lines(second["files"]["app.py"]["reached"]))
    assert not missed(second) or not second["complete"]


# --- its own rules --------------------------------------------------------------------------


def test_the_agent_imports_only_what_the_runtime_client_has_loaded() -> None:
    tree = ast.parse(AGENT.read_text())
    guarded = {
        id(node) for guard in tree.body if isinstance(guard, ast.If) for node in ast.walk(guard)
    }
    names = {
        name
        for node in ast.walk(tree)
        if id(node) not in guarded
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    } - {"__future__"}
    program = "import sys, awslambdaric.bootstrap; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert names
    assert names <= set(done.stdout.split())


def test_the_agent_is_written_in_the_python_of_the_oldest_runtime() -> None:
    ast.parse(AGENT.read_text(), feature_version=(3, 8))


def test_importing_it_outside_an_environment_changes_nothing() -> None:
    assert agent_module.handler is None
