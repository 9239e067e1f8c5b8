"""Facts about one function version that conditions in its code ask for.

Environment variables and constants are known only as long as nothing in the code sets them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from packaging.utils import canonicalize_name

from pytest_lambda_rollback.aws_lambda import defined_variables
from pytest_lambda_rollback.aws_lambda.search_path import TASK
from pytest_lambda_rollback.import_analysis.known_values import PRESENT, UNKNOWN
from pytest_lambda_rollback.import_analysis.module_search import Located, ModuleSearch
from pytest_lambda_rollback.import_analysis.name_values import NameValues
from pytest_lambda_rollback.import_analysis.python_source import read_values
from pytest_lambda_rollback.model.modules import State
from pytest_lambda_rollback.model.versions import FunctionVersion

_SETS_VARIABLE = re.compile(
    rb"environ\s*\[\s*[\"'](\w+)[\"']\s*\]\s*=(?!=)"
    rb"|(?:environ\.(?:setdefault|pop|__setitem__)|putenv|unsetenv)\(\s*[\"'](\w+)[\"']"
)
_SETS_ANY = re.compile(
    rb"environ\s*\[[^\"'\]]+\]\s*=(?!=)|environ\.(?:update|clear)\b|environ\s*\|=|load_dotenv"
    rb"|(?:environ\.(?:setdefault|pop)|putenv)\(\s*[^\"'\s]|\benviron\s*="
)
_SETS_ATTRIBUTE = re.compile(rb"\.([A-Za-z_]\w*)\s*(?:[-+|&]?=(?!=))")
_SETS_BY_NAME = re.compile(rb"\bsetattr\((?!self\b|cls\b)")
_VERSION = re.compile(r"_*(version|version_info|version_tuple)_*", re.IGNORECASE)


class StackFacts:
    """Answers `Surroundings` for one version; ``offers`` asks its modules."""

    def __init__(
        self,
        version: FunctionVersion,
        search: ModuleSearch,
        own_sources: Iterable[bytes],
        answer: Callable[[str, tuple[str, ...]], State],
    ) -> None:
        self._search = search
        self._answer = answer
        self._variables = dict(version.configuration.environment)
        self._unknown = set(version.placeholders)
        self._any_variable = "AWS_LAMBDA_EXEC_WRAPPER" in self._variables
        self._set: set[str] = set()
        self._any_set = False
        for source in own_sources:
            for first, second in _SETS_VARIABLE.findall(source):
                self._unknown.add((first or second).decode())
            self._any_variable = self._any_variable or _SETS_ANY.search(source) is not None
            self._set.update(name.decode() for name in _SETS_ATTRIBUTE.findall(source))
            self._any_set = self._any_set or _SETS_BY_NAME.search(source) is not None
        self._values: dict[str, NameValues | None] = {}
        self.used = False
        """True once something was asked that another stack may answer in another way."""

    def variable(self, name: str) -> object:
        """The value of an environment variable; ``None`` where it is not set."""
        self.used = True
        if name in self._unknown or self._any_variable:
            return UNKNOWN
        if name in self._variables:
            return self._variables[name]
        if name in defined_variables.PRESENT:
            return PRESENT
        return UNKNOWN if defined_variables.may_be_set(name) else None

    def constant(self, module: str, names: tuple[str, ...]) -> object:
        """The value of a constant of the code, or of the version of a package."""
        self.used = True
        names = tuple(names)
        while len(names) > 1 and self._search.find(f"{module}.{names[0]}").there:
            module, names = f"{module}.{names[0]}", names[1:]
        located = self._search.find(module)
        if located.kind != "source" or not names or names[-1] in self._set or self._any_set:
            return UNKNOWN
        if not self._own(located) and not _VERSION.fullmatch(names[-1]):
            return UNKNOWN
        values = self._values_of(located)
        return UNKNOWN if values is None else values.constant(names)

    def unsure(self, module: str, names: tuple[str, ...]) -> bool:
        """True for a flag of a package, and for one of the code that tells what is there."""
        self.used = True
        while len(names) > 1 and self._search.find(f"{module}.{names[0]}").there:
            module, names = f"{module}.{names[0]}", names[1:]
        located = self._search.find(module)
        if located.kind != "source" or not self._own(located):
            return names[-1].isupper()
        values = self._values_of(located)
        return values is not None and values.unsure(names[0])

    def distribution(self, name: str) -> object:
        """The version of a distribution."""
        self.used = True
        versions = [
            one.version
            for one in self._search.distributions()
            if one.distribution and canonicalize_name(one.distribution) == canonicalize_name(name)
        ]
        return versions[0] if versions and versions[0] else UNKNOWN

    def offers(self, module: str, names: tuple[str, ...]) -> object:
        """True or False where it is certain."""
        self.used = True
        if names and (names[-1] in self._set or self._any_set):
            return UNKNOWN
        state = self._answer(module, names)
        if state is State.OFFERED:
            return True
        return False if state is State.MISSING else UNKNOWN

    def _own(self, located: Located) -> bool:
        return located.path.startswith(f"{TASK}/") and not self._search.installed(located.path)

    def _values_of(self, located: Located) -> NameValues | None:
        if located.name not in self._values:
            self._values[located.name] = None  # while it is read: modules may import one another
            source = self._search.read(located.path)
            if source is not None:
                self._values[located.name] = read_values(
                    source,
                    module=located.name,
                    is_package=located.is_package,
                    python=self._search.python,
                    surroundings=self,
                )
        return self._values[located.name]
