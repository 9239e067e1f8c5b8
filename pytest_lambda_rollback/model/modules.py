"""Asks of a function's code to Python modules, and the answers of those it runs on.

Only values, shared by the analysis of sources and the contract that judges them. Nothing here
opens a file or decides anything. Modules have absolute dotted names, files are relative to
/var/task (or absolute where they lie in a layer).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Form(StrEnum):
    """The way in which the code asks."""

    HANDLER = "handler"
    """The function's configuration names it."""
    IMPORT = "import"
    """``import a.b``, or ``importlib.import_module("a.b")``."""
    FROM = "from"
    """``from a.b import c``."""
    ATTRIBUTE = "attribute"
    """``a.b.c`` after ``import a.b``."""
    STAR = "star"
    """A bare name that only ``from a.b import *`` can have brought."""
    CALL = "call"
    """A call of something that another ask names already."""


class Moment(StrEnum):
    """The moment at which the code asks."""

    LOADING = "loading"
    """While its modules are imported, before the first event."""
    RUNNING = "running"
    """In a function: perhaps for no recorded event at all."""


class State(StrEnum):
    """The kind of an answer in one environment."""

    OFFERED = "offered"
    MISSING = "missing"
    """It is certain that Python raises here."""
    UNKNOWN = "unknown"
    """Static reading cannot determine it: dynamic names, C extensions, import hooks."""
    UNREACHED = "unreached"
    """The module is missing already, so nothing of it can be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """The arguments of one call, as they are written."""

    positional: int
    keywords: tuple[str, ...] = ()
    awaited: bool = False
    """It is awaited, or handed to something that runs coroutines."""
    open: bool = False
    """True with ``*args`` or ``**kwargs``: there may be more than what is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One thing that the code asks of a module, at one place."""

    form: Form
    module: str
    names: tuple[str, ...] = ()
    """The dotted path that it asks the module for; empty for the module itself."""
    line: int
    moment: Moment
    caught_by: tuple[int, ...] = ()
    """Numbers of the try blocks of its file that it stands in, the outermost first."""
    fallback_of: tuple[int, ...] = ()
    """Try blocks that must have failed for this to run: it stands in their handlers."""
    unless_failed: tuple[int, ...] = ()
    """Try blocks that must not have failed: it stands in their ``else``."""
    guarded: bool = False
    """A test before it finds out whether it is there: ``hasattr``, ``find_spec``, ``HAS_X``."""
    conditional: bool = False
    """It is under a condition that reading cannot decide."""
    call: Call | None = None
    """Set if the name is called at once."""
    function: str = ""
    """The function or method of the module that it stands in, ``f`` or ``C.m``."""
    caught_outside: tuple[tuple[str, int], ...] = ()
    """(file, number) of try blocks around every call of that function."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TryBlock:
    """The failures that one ``try`` (or ``contextlib.suppress``) has an alternative for."""

    module: bool
    """A module that is not found."""
    name: bool
    """A name that cannot be imported."""
    attribute: bool
    """An attribute that a module does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """The origin of a module."""

    kind: str
    """``code``, ``layer``, ``runtime`` (what AWS brings) or ``python`` (the standard library)."""
    layer: str | None = None
    layer_version: str | None = None
    distribution: str | None = None
    version: str | None = None
    """Of the distribution."""

    @property
    def name(self) -> str:
        """``acme-shared 2 (acme-shared 2.0.0)``; ``the runtime`` for what no layer brings."""
        if self.kind == "code":
            name = "the code's own package"
        elif self.kind == "layer":
            name = " ".join(filter(None, (self.layer, self.layer_version)))
        else:
            return f"the {self.kind}"
        if self.distribution:
            return f"{name} ({' '.join(filter(None, (self.distribution, self.version)))})"
        return name


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """The statement that an ask leads to, after all re-exports."""

    module: str
    name: str
    digest: str
    """SHA-256 of the module's source."""
    provider: Provider | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to one ask in one environment."""

    state: State
    module: str = ""
    """For ``missing``: the module that is not there, or that lacks ``name``. For ``unknown`` with
    a ``name``: the module whose ``__all__`` does not list it, and which may still have it."""
    name: str | None = None
    provider: Provider | None = None
    """Of the module that was found, the last one on the way where something is missing. Where a
    module cannot be loaded: of the one that lacks a name, or of the one that was asked for."""
    definition: Definition | None = None
    needed_by: tuple[str, ...] = ()
    """For a module that is there but cannot be loaded: who needs what is missing, outermost
    first, as ``module (file:line)``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One ask of one file, with its answer."""

    file: str
    ask: Ask
    answer: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeFile:
    """One file of the function's own code that its handler can reach."""

    file: str
    tries: tuple[TryBlock, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleView:
    """The asks of one function version's code, answered by the layers it would run on."""

    version: str
    """``function:version``."""
    runtime: str
    handler: str = ""
    """The module of the handler."""
    changes_path: bool = False
    """The code (or a wrapper before it) touches ``sys.path``."""
    files: tuple[CodeFile, ...] = ()
    asks: tuple[Answered, ...] = field(default=(), repr=False)
    vendored: tuple[Answered, ...] = field(default=(), repr=False)
    """Asks that distributions in the code itself answer, which ``asks`` leaves out."""
    layers: tuple[Provider, ...] = ()
    """The layers in their order, without a distribution."""
    distributions: tuple[Provider, ...] = ()
    """Distributions in code and layers, one for each dist-info; later layers first."""
    notes: tuple[str, ...] = ()
    """Sources that were not read in full and why, one sentence without a full stop each."""


# --- interfaces -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of a function, without ``self``."""

    name: str
    kind: str
    """As ``inspect`` names it: ``positional or keyword``, ``variadic keyword``, …"""
    required: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """The parameters of a function or class, where static reading is certain of them."""

    parameters: tuple[Parameter, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiChange:
    """One difference that griffe calls breaking."""

    kind: str
    """griffe's name for it: ``PARAMETER_CHANGED_DEFAULT``, …"""
    parameter: str | None
    detail: str
    """The old and the new value: ``True -> False``; may be empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiObject:
    """One function or class that the code uses and whose source differs between two layer sets."""

    own: Definition
    runs_on: Definition
    own_signature: Signature | None = None
    """``None`` if static reading is not certain."""
    runs_on_signature: Signature | None = None
    own_async: bool | None = None
    """True for a coroutine function, False for another one, ``None`` if it is not certain."""
    runs_on_async: bool | None = None
    changes: tuple[ApiChange, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiComparison:
    """The interfaces that differ between two environments, kept to what the code uses."""

    objects: tuple[ApiObject, ...] = ()
