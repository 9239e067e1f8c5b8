"""The agent that records, inside an execution environment, which lines a function's events reach.

It is not imported by this package: `layer` puts its text into a layer, where it is the handler
that calls the function's own one. It must run on Python 3.8 and later, and not change what the
function does: it imports nothing that AWS's runtime client has not imported already (a function
may have an ``ast.py`` of its own), takes no tool id or tracer away from the function, and
restores its variables and its remaining time.

Its response is ``{"lambda_rollback_coverage": 1, "files": {name: {"executable": ranges,
"reached": ranges}}, "error": type or null, "complete": bool, "left_out": n}``. Names are relative
to the task root, the handler's module first; ranges are ``[first, last]`` line numbers. The
function's result is dropped. The lines are all those reached since the environment started. Code
that runs in child processes is not seen.
"""

# pathlib may not be among what is loaded already.
# ruff: noqa: PTH100, PTH113, PTH118, PTH120, PTH123, PTH208

from __future__ import annotations

import importlib
import os
import sys
import threading
import time
import warnings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FORMAT = 1
FOLDER = "/opt/lambda-rollback-coverage"
"""The agent's path for a function whose PYTHONPATH leaves out the layers' usual folders."""
ANSWER_LIMIT_BYTES = 900_000
FILES_LIMIT = 1_000
SOURCE_LIMIT_BYTES = 512 * 1024
"""Larger sources are data; to parse them would take more memory than the function may have."""

_ONLY_AST = 0x400  # ast.PyCF_ONLY_AST
_PREFERRED_TOOLS = (4, 3, 5, 2, 1, 0)
"""Of sys.monitoring; debuggers, coverage.py and profilers have the low ones."""
_INSTALLED = ("site-packages", "dist-packages")


class OwnFiles:
    """The files below the task root that are the function's own, by name.

    Files that a distribution's metadata claims are not, unless the handler is one of them: then
    the function itself was installed.
    """

    def __init__(self, root: str, handler_module: str) -> None:
        self.root = os.path.join(os.path.abspath(root), "")
        self.handler = self._file_of(handler_module.replace("/", ".").replace(".", "/"))
        self._claims: dict[str, tuple[frozenset[str], tuple[str, ...]]] = {}

    def name(self, path: str) -> str | None:
        """The name relative to the task root, ``None`` for a file that is not the function's."""
        if not path.endswith(".py"):
            return None
        path = os.path.normpath(path)
        if not path.startswith(self.root):
            return None
        name = path[len(self.root) :]
        folders = name.split("/")[:-1]
        if any(folder in _INSTALLED for folder in folders):
            return None
        for depth in range(len(folders) + 1):
            folder = os.path.join(self.root, *folders[:depth])
            files, starts = self._claimed(folder)
            if path in files or path.startswith(starts):
                return None
        return name

    def _file_of(self, stem: str) -> str | None:
        for name in (f"{stem}/__init__.py", f"{stem}.py"):
            if os.path.isfile(self.root + name):
                return name
        return None

    def _claimed(self, folder: str) -> tuple[frozenset[str], tuple[str, ...]]:
        """(files, beginnings of paths) that the distributions installed in a folder claim."""
        if folder not in self._claims:
            files: set[str] = set()
            starts: list[str] = []
            own = self.root + self.handler if self.handler else ""
            for metadata in _names_in(folder):
                if not metadata.endswith((".dist-info", ".egg-info")):
                    continue
                listed = _listed_files(folder, metadata)
                tops = () if listed else _top_level(folder, metadata)
                if own not in listed and not own.startswith(tops):
                    files |= listed
                    starts += tops
            self._claims[folder] = frozenset(files), tuple(starts)
        return self._claims[folder]


def _names_in(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _listed_files(folder: str, metadata: str) -> set[str]:
    found = set()
    for line in _text(os.path.join(folder, metadata, "RECORD")).splitlines():
        path = line[1:].partition('"')[0] if line[:1] == '"' else line.partition(",")[0]
        if path.endswith(".py"):
            found.add(os.path.normpath(os.path.join(folder, path)))
    return found


def _top_level(folder: str, metadata: str) -> tuple[str, ...]:
    names = _text(os.path.join(folder, metadata, "top_level.txt")).split()
    if not names:
        names = [metadata.rpartition(".")[0].partition("-")[0].replace(".", "_")]
        names += [name.lower() for name in names]
    return tuple(
        os.path.join(folder, name + end) for name in dict.fromkeys(names) for end in ("/", ".py")
    )


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


# --- recording ------------------------------------------------------------------------------


class Recorder:
    """The lines of own files that were reached, ``{name: {line}}``."""

    def __init__(self, own: OwnFiles) -> None:
        self.reached: dict[str, set[int]] = {}
        self.complete = True
        self._own = own

    def lines_of(self, path: str) -> set[int] | None:
        """The set to record a file's lines in. Runs inside the function: it never raises."""
        try:
            name = self._own.name(path)
        except Exception:
            self.complete = False
            return None
        return None if name is None else self.reached.setdefault(name, set())

    def begin(self) -> None:
        """Record what this thread runs from here on, and threads that it starts."""

    def end(self) -> None:
        """The invocation is over."""


class MonitoringRecorder(Recorder):
    """By sys.monitoring: every line costs something the first time only."""

    def __init__(self, own: OwnFiles, monitoring: Any, tool: int) -> None:
        super().__init__(own)
        monitoring.use_tool_id(tool, "lambda-rollback coverage")
        known: dict[str, set[int] | None] = {}
        line_event = monitoring.events.LINE
        disable = monitoring.DISABLE

        def started(code: Any, _offset: int) -> Any:
            path = code.co_filename
            if path not in known:
                known[path] = self.lines_of(path)
            if known[path] is not None:
                monitoring.set_local_events(tool, code, line_event)
            return disable

        def line(code: Any, number: int) -> Any:
            lines = known.get(code.co_filename)
            if lines is not None:
                lines.add(number)
            return disable

        monitoring.register_callback(tool, monitoring.events.PY_START, started)
        monitoring.register_callback(tool, line_event, line)
        monitoring.set_events(tool, monitoring.events.PY_START)


class TracingRecorder(Recorder):
    """By sys.settrace, before Python 3.12. It yields to a tracer of the function's own."""

    def __init__(self, own: OwnFiles) -> None:
        super().__init__(own)
        known: dict[str, Any] = {}
        self._current = current = sys.gettrace

        def enter(frame: Any, _event: str, _argument: Any) -> Any:
            code = frame.f_code
            try:
                tracer_of = known[code.co_filename]
            except KeyError:
                lines = self.lines_of(code.co_filename)
                tracer_of = None if lines is None else _line_tracers(lines)
                known[code.co_filename] = tracer_of
            return None if tracer_of is None else tracer_of(code)

        def gettrace() -> Any:
            tracer = current()
            return None if tracer is enter else tracer

        self._enter = enter
        threading.settrace(enter)
        sys.gettrace = gettrace
        if hasattr(threading, "gettrace"):
            threading.gettrace = lambda: None if _thread_tracer() is enter else _thread_tracer()

    def begin(self) -> None:
        """Trace, unless the function left a tracer of its own in place."""
        if self._current() in (None, self._enter):
            sys.settrace(self._enter)

    def end(self) -> None:
        """Stop; where the function had changed the tracer, lines may be missing."""
        if self._current() is self._enter:
            sys.settrace(None)
        else:
            self.complete = False
        if _thread_tracer() is not self._enter:
            self.complete = False


def _thread_tracer() -> Any:
    return vars(threading).get("_trace_hook")


def _line_tracers(lines: set[int]) -> Any:
    """The source of a code object's tracer; none once all of its lines were reached."""
    tracers: dict[int, tuple[Any, Any]] = {}
    """With the code objects, so that no other one can have their ids."""

    def tracer_of(code: Any) -> Any:
        found = tracers.get(id(code))
        if found is None:
            found = tracers[id(code)] = (code, make(code))
        return found[1]

    def make(code: Any) -> Any:
        own = frozenset(_lines_of(code))
        if own <= lines:
            return None

        def trace(frame: Any, event: str, _argument: Any) -> Any:
            if event == "line" and frame.f_lineno not in lines:
                lines.add(frame.f_lineno)
                if own <= lines:
                    tracers[id(code)] = (code, None)
                    frame.f_trace_lines = False
            return trace

        return trace

    return tracer_of


def make_recorder(own: OwnFiles) -> Recorder:
    """The cheapest recorder that this Python has."""
    monitoring: Any = getattr(sys, "monitoring", None)
    if monitoring is not None:
        for tool in _PREFERRED_TOOLS:
            if monitoring.get_tool(tool) is None:
                return MonitoringRecorder(own, monitoring, tool)
    return TracingRecorder(own)


# --- what could be reached ------------------------------------------------------------------


class Source:
    """One source file's executable lines, and the modules that it imports.

    Lines that never run in Lambda are left out: docstrings, the body of ``if TYPE_CHECKING`` and
    of ``if __name__ == "__main__"``. Raises OSError, and what compiling raises.
    """

    def __init__(self, path: str) -> None:
        with open(path, "rb") as file:
            text = file.read(SOURCE_LIMIT_BYTES + 1)
        if len(text) > SOURCE_LIMIT_BYTES:
            raise ValueError("too large")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree: Any = compile(text, path, "exec", _ONLY_AST, dont_inherit=True)
            code = compile(tree, path, "exec", dont_inherit=True)
        self.imports: list[tuple[int, str, tuple[str, ...]]] = []
        """(level, module, names) of every import, also inside functions."""
        self._jumps: set[int] = set()
        """Lines that Python before 3.10 may compile into another line's jump."""
        never: set[int] = set()
        statements: set[int] = set()
        self._read(tree, never, statements)
        # A docstring may share its line with a statement.
        lines = _code_lines(code) - (never - statements)
        self.executable = lines - self._jumps if statements else set()

    def _read(self, tree: Any, never: set[int], statements: set[int]) -> None:
        stack = [tree]
        while stack:
            node = stack.pop()
            body = getattr(node, "body", None)
            if not isinstance(body, list):
                body = []
            kind = type(node).__name__
            if body and kind in ("Module", "ClassDef", "FunctionDef", "AsyncFunctionDef"):
                value = getattr(body[0], "value", None)
                if type(body[0]).__name__ == "Expr" and isinstance(
                    getattr(value, "value", None), str
                ):
                    never.update(range(body[0].lineno, body[0].end_lineno + 1))
                    body = body[1:]
            elif kind == "If" and _is_never_true(node.test):
                never.update(range(body[0].lineno, body[-1].end_lineno + 1))
                body = []
            elif kind in ("Break", "Continue") and sys.version_info < (3, 10):
                self._jumps.add(node.lineno)
            elif kind == "Import":
                self.imports += [(0, alias.name, ()) for alias in node.names]
            elif kind == "ImportFrom":
                names = tuple(alias.name for alias in node.names)
                self.imports.append((node.level, node.module or "", names))
            statements.update(child.lineno for child in body if hasattr(child, "lineno"))
            stack += body
            for field in ("orelse", "finalbody"):
                children = getattr(node, field, None)
                if isinstance(children, list):
                    statements.update(child.lineno for child in children)
                    stack += children
            stack += getattr(node, "handlers", ()) or ()
            stack += getattr(node, "cases", ()) or ()


def _is_never_true(test: Any) -> bool:
    name = getattr(test, "id", getattr(test, "attr", None))
    if name == "TYPE_CHECKING":
        return True
    left = getattr(test, "left", None)
    return (
        getattr(left, "id", None) == "__name__"
        and [type(operator).__name__ for operator in test.ops] == ["Eq"]
        and getattr(test.comparators[0], "value", None) == "__main__"
    )


def _code_lines(code: Any) -> set[int]:
    found: set[int] = set()
    stack = [code]
    while stack:
        each = stack.pop()
        if each.co_name == "__annotate__":  # runs only when somebody looks at annotations
            continue
        found.update(_lines_of(each))
        stack += [const for const in each.co_consts if type(const) is type(code)]
    return found


def _lines_of(code: Any) -> set[int]:
    if hasattr(code, "co_lines"):
        return {line for _, _, line in code.co_lines() if line}
    found, line = set(), code.co_firstlineno
    table = code.co_lnotab
    for index in range(0, len(table), 2):
        if table[index]:
            found.add(line)
        step = table[index + 1]
        line += step - 256 if step >= 128 else step
    found.add(line)
    return found


def ranges(lines: set[int]) -> list[list[int]]:
    """``{1, 2, 3, 7}`` as ``[[1, 3], [7, 7]]``."""
    found: list[list[int]] = []
    for line in sorted(lines):
        if found and line == found[-1][1] + 1:
            found[-1][1] = line
        else:
            found.append([line, line])
    return found


# --- the handler ----------------------------------------------------------------------------


class Agent:
    """Calls the function's handler, which it loads with the first event, and reports its lines."""

    def __init__(self, *, handler: str, task_root: str, timeout_s: float | None) -> None:
        self._module, _, self._attribute = handler.rpartition(".")
        self._own = OwnFiles(task_root, self._module)
        self._recorder = make_recorder(self._own)
        if any(self._own.name(path) for path in _loaded_files()):
            self._recorder.complete = False
        self._timeout_s = timeout_s
        self._function: Any = None
        self._sources: dict[str, Source | None] = {}

    def handle(self, event: Any, context: Any) -> dict[str, Any]:
        """Replay one event. Never raises."""
        error = None
        self._recorder.begin()
        try:
            self._call(event, context)
        except BaseException as raised:  # the function's matter, not ours
            error = type(raised).__name__
        self._recorder.end()
        try:
            files, left_out = self._files()
            complete = self._recorder.complete
        except Exception:
            files, left_out, complete = {}, 0, False
        return {
            "lambda_rollback_coverage": FORMAT,
            "files": files,
            "error": error,
            "complete": complete,
            "left_out": left_out,
        }

    def _call(self, event: Any, context: Any) -> None:
        if self._function is None:
            module = importlib.import_module(self._module.replace("/", "."))
            self._function = getattr(module, self._attribute)
        if self._timeout_s is not None and hasattr(context, "_epoch_deadline_time_in_ms"):
            # Ours is later, for the loading and the recording.
            context._epoch_deadline_time_in_ms = int((time.time() + self._timeout_s) * 1000)
        result = self._function(event, context)
        if type(result).__name__ == "coroutine":  # which the runtime would not await either
            result.close()

    def _files(self) -> tuple[dict[str, Any], int]:
        names = self._reachable()
        found: dict[str, Any] = {}
        size = left_out = 0
        for name in names:
            source = self._source(name)
            if source is None:
                left_out += os.path.isfile(self._own.root + name)
                continue
            if not source.executable:
                continue
            reached = self._recorder.reached.get(name, set())
            answer = {
                "executable": ranges(source.executable),
                "reached": ranges(source.executable & reached),
            }
            size += 60 + 6 * len(name) + 20 * sum(len(each) for each in answer.values())
            if size > ANSWER_LIMIT_BYTES or len(found) >= FILES_LIMIT:
                left_out += 1
            else:
                found[name] = answer
        return found, left_out

    def _reachable(self) -> list[str]:
        """Own files: the handler's, those that ran, and what these import, also if it did not."""
        first = [self._own.handler] if self._own.handler else []
        found = dict.fromkeys([*first, *sorted(self._recorder.reached)])
        roots = [self._own.root]
        roots += [path for path in sys.path if str(path).startswith(self._own.root)]
        stack = list(found)
        while stack and len(found) <= FILES_LIMIT:
            name = stack.pop()
            source = self._source(name)
            for path in _imported(self._own.root + name, source, roots) if source else ():
                new = self._own.name(path) if os.path.isfile(path) else None
                if new is not None and new not in found:
                    found[new] = None
                    stack.append(new)
        return list(dict.fromkeys([*first, *sorted(found)]))

    def _source(self, name: str) -> Source | None:
        if name not in self._sources:
            try:
                self._sources[name] = Source(self._own.root + name)
            except Exception:  # it is gone, too large, or no Python of this version
                self._sources[name] = None
        return self._sources[name]


def _imported(path: str, source: Source, roots: list[str]) -> list[str]:
    """Paths that the imports of the file at ``path`` may lead to; they need not exist."""
    found = []
    for level, module, names in source.imports:
        bases = roots
        if level:
            folder = path
            for _ in range(level):
                folder = os.path.dirname(folder)
            bases = [folder]
        parts = module.split(".") if module else []
        ends = ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
        ends += ["/".join([*parts, name]) for name in names]
        for base in bases:
            for end in ends or [""]:
                stem = os.path.join(base, end)
                found += [f"{stem}.py", os.path.join(stem, "__init__.py")]
    return found


def _loaded_files() -> list[str]:
    found = []
    for module in list(sys.modules.values()):
        try:  # not getattr: a module may be lazy
            path = object.__getattribute__(module, "__dict__").get("__file__")
        except Exception:  # noqa: S112 - not every entry is a module
            continue
        if isinstance(path, str):
            found.append(path)
    return found


def _start() -> Agent | None:
    """The agent of this environment, after its variables were put back; ``None`` elsewhere."""
    handler = os.environ.pop("LAMBDA_ROLLBACK_HANDLER", None)
    if handler is None:
        return None
    os.environ["_HANDLER"] = handler
    for name in ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "PYTHONPATH"):
        value = os.environ.pop(f"LAMBDA_ROLLBACK_{name}", None)
        if value is not None:
            os.environ[name] = value
    sys.path[:] = [path for path in sys.path if path != FOLDER]
    timeout = os.environ.pop("LAMBDA_ROLLBACK_TIMEOUT_S", None)
    return Agent(
        handler=handler,
        task_root=os.environ["LAMBDA_TASK_ROOT"],
        timeout_s=float(timeout) if timeout else None,
    )


_agent = _start()
handler = _agent.handle if _agent is not None else None
