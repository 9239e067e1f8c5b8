"""The handler of a function version, looked up in its packages.

Lambda's runtimes search in different ways; each is followed by the names of files,
and for Python by reading the sources. Where anything else may bring the handler (a
wrapper, an unknown search path, a folder that is a module), the answer is ``None``. Java and
.NET name classes, which are in archives that are not opened here. What a missing handler means
for a rollback is decided elsewhere.
"""

from __future__ import annotations

import posixpath
import re
import tarfile
from collections.abc import Iterator, Sequence
from itertools import chain

from pytest_lambda_rollback.aws_lambda.runtimes import Language, language_of
from pytest_lambda_rollback.aws_lambda.search_path import OPT, TASK
from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.import_analysis.module_reader import ModuleReader, open_trees, python_of
from pytest_lambda_rollback.model.modules import Form, State
from pytest_lambda_rollback.model.versions import FunctionVersion
from pytest_lambda_rollback.packages.trees import Tree

_NODE_ENDINGS = ("", ".js", ".mjs", ".cjs")
"""The endings that the Node.js runtime client tries, in this order."""

_SEARCH_VARIABLES = frozenset(
    {"AWS_LAMBDA_EXEC_WRAPPER", "LAMBDATASK_ROOT", "PYTHONPATH", "RUBYLIB", "GEM_PATH"}
)
"""Variables by which a function changes where its runtime looks. The process that a wrapper
starts may be anything, and a value that is not known here may name any folder."""


def missing_handler(version: FunctionVersion, *, modules: ModuleReader | None = None) -> str | None:
    """The reason why the handler is missing, as a fragment; ``None`` for found or not certain.

    ``modules`` keeps what was read of Python code, for a caller that reads it anyway. Raises
    SourceError for a package that cannot be read.
    """
    if version.image is not None or _searches_elsewhere(version):
        return None
    if python_of(version) is not None:
        return _python(version, modules or ModuleReader(None))
    match language_of(version.configuration.runtime):
        case Language.NODE:
            return _node(version)
        case Language.RUBY:
            return _ruby(version)
        case Language.PROVIDED:
            return _bootstrap(version)
        case Language.GO:
            return _go(version)
        case _:
            return None


def _searches_elsewhere(version: FunctionVersion) -> bool:
    """True if the environment lets something that is not seen here bring the handler.

    A PYTHONPATH with a known value is followed where Python modules are searched.
    """
    named = {name for name, _ in version.configuration.environment} | set(version.placeholders)
    unknown = set(version.placeholders) & _SEARCH_VARIABLES
    return bool(unknown or named & (_SEARCH_VARIABLES - {"PYTHONPATH"}))


# --- Python ---------------------------------------------------------------------------------


def _python(version: FunctionVersion, modules: ModuleReader) -> str | None:
    """``pkg.app.handler`` and ``src/app.handler``: the last dot divides module and function."""
    handler = version.configuration.handler
    module, dot, name = handler.rpartition(".")
    if not dot or not module or not name:
        return f"handler {handler!r} does not name a module and a function, as in app.handler"
    module = module.replace("/", ".")
    for answered in modules.view(version).asks:
        ask, answer = answered.ask, answered.answer
        if ask.form is not Form.HANDLER or ask.module != module or ask.names != (name,):
            continue
        if answer.state is not State.MISSING or answer.needed_by:
            # A module that only fails to load, because another one is missing, has it.
            return None
        if answer.name is not None:
            return (
                f"module {answer.module} has no {answer.name}, which handler {_of(version)} names"
            )
        with open_trees(version) as trees:
            near = _near(trees, f"{module.rpartition('.')[2]}.py")
        return (
            f"module {answer.module} of handler {_of(version)} is neither in the code nor in a "
            f"layer{near}"
        )
    return None


# --- Node.js --------------------------------------------------------------------------------


def _node(version: FunctionVersion) -> str | None:
    """``src/app.handler``: the first dot of the last part divides file and export.

    A bare name may also be a package in a ``node_modules`` folder, and a folder of that name a
    package with an index: both count as found. The names that a module exports are not checked.
    """
    handler = version.configuration.handler
    folder, _, last = handler.rpartition("/")
    stem, dot, name = last.partition(".")
    if not dot or not stem or not name:
        return f"handler {handler!r} does not name a file and an export, as in index.handler"
    if ".." in handler:
        return None
    path = posixpath.normpath(posixpath.join(TASK, folder, stem))
    with open_trees(version) as trees:
        files = set(_paths(trees))
        if any(f"{path}{ending}" in files for ending in _NODE_ENDINGS):
            return None
        packages = {f"/node_modules/{stem}", f"/node_modules/{posixpath.join(folder, stem)}"}
        if any(
            file.startswith(f"{path}/") or any(package in file for package in packages)
            for file in files
        ):
            return None
        near = _near(trees, *(f"{stem}{ending}" for ending in _NODE_ENDINGS[1:]))
    where = _shown(path)
    return f"handler {_of(version)} needs {where}.js, .mjs or .cjs, and none of them exists{near}"


# --- Ruby -----------------------------------------------------------------------------------


def _ruby(version: FunctionVersion) -> str | None:
    """``app.Orders.process``: the part before the first dot is required as a file."""
    handler = version.configuration.handler
    parts = handler.split(".")
    if len(parts) not in (2, 3) or not all(parts):
        return f"handler {handler!r} does not name a file and a method, as in app.handler"
    path = posixpath.normpath(posixpath.join(TASK, parts[0]))
    with open_trees(version) as trees:
        for file in _paths(trees):
            stem, _, ending = file.rpartition(".")
            if ending not in ("rb", "so"):
                continue
            if stem == path:
                return None
            # Layers and gems add folders to the load path: any file there may be the one.
            if stem.endswith(f"/{parts[0]}") and (file.startswith(OPT) or "/gems/" in file):
                return None
        near = _near(trees, f"{posixpath.basename(parts[0])}.rb")
    return f"handler {_of(version)} needs {_shown(path)}.rb, which does not exist{near}"


# --- executables ----------------------------------------------------------------------------


def _bootstrap(version: FunctionVersion) -> str | None:
    """The first of /var/task/bootstrap and /opt/bootstrap is run. The handler is its own matter.

    https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html
    """
    with open_trees(version) as trees:
        here, layers = trees[0], trees[1:]
        if "bootstrap" in here.names():
            number = 0
        else:
            # Later layers lie over earlier ones.
            found = [n for n, tree in enumerate(layers, 1) if "bootstrap" in tree.names()]
            if not found:
                near = _near(trees, "bootstrap")
                return (
                    f"{version.configuration.runtime} needs an executable named bootstrap at the "
                    f"root of the code or of a layer, and neither has one{near}"
                )
            number = found[-1]
    where = f"{OPT if number else TASK}/bootstrap"
    return _not_executable(version, number, "bootstrap", where)


def _go(version: FunctionVersion) -> str | None:
    """``main``: an executable in the code."""
    name = posixpath.normpath(version.configuration.handler)
    if name.startswith(("/", "..")):
        return None
    with open_trees(version) as trees:
        if name not in trees[0].names():
            near = _near(trees, posixpath.basename(name))
            return (
                f"handler {_of(version)} needs an executable of that name in the code, "
                f"which has none{near}"
            )
    return _not_executable(version, 0, name, f"{TASK}/{name}")


def _not_executable(version: FunctionVersion, number: int, name: str, where: str) -> str | None:
    """A fragment for a file that is not executable. A link to one is not followed."""
    artifact = (version.code, *(layer.artifact for layer in version.layers))[number]
    try:
        with tarfile.open(artifact.tar) as tar:
            mode = next((m.mode for m in tar if m.name == name and m.isfile()), None)
    except (OSError, tarfile.TarError) as error:
        raise SourceError(
            f"{artifact.label} cannot be read from the artefact store",
            why=str(error),
            do=f"Delete {artifact.tar} and run again",
        ) from error
    if mode is None or mode & 0o111:
        return None
    return f"{where} is not executable (its mode is {mode:04o})"


# --- files ----------------------------------------------------------------------------------


def _paths(trees: Sequence[Tree]) -> Iterator[str]:
    """Every file as the function sees it."""
    return chain.from_iterable(
        (f"{OPT if number else TASK}/{name}" for name in tree.names())
        for number, tree in enumerate(trees)
    )


def _near(trees: Sequence[Tree], *names: str) -> str:
    """The one other place of a file of that name, which is what most wrong handlers miss."""
    found = {
        path
        for path in _paths(trees)
        if posixpath.basename(path) in names and "/node_modules/" not in path
    }
    return f"; there is {_shown(found.pop())}" if len(found) == 1 else ""


def _of(version: FunctionVersion) -> str:
    return re.sub(r"\s", " ", version.configuration.handler)


def _shown(path: str) -> str:
    return path.removeprefix(f"{TASK}/")
