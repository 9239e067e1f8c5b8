"""Requirements and markers as a Lambda runtime would evaluate them, never as this host would.

`packaging` does all the parsing. What is not known of a runtime (its patch release, its kernel)
is never guessed: a marker that depends on it makes no requirement certain.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from packaging.markers import Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from pytest_lambda_rollback.aws_lambda.architectures import MACHINES

_UNKNOWN = re.compile(r"\bplatform_(?:release|version)\b")
_LAST_PATCH = 99
_ONLY_FOR_AN_EXTRA = re.compile(r";(?!.*\bor\b).*\bextra\s*==\s*(?:'[^']+'|\"[^\"]+\")")
"""A marker without ``or`` in which an extra is asked for: what ``dev`` and ``test`` need."""


def only_for_an_extra(text: str) -> bool:
    """True if a requirement is certainly void without extras; saves parsing most of them."""
    return _ONLY_FOR_AN_EXTRA.search(text) is not None


def parsed_version(text: str) -> Version | None:
    """The version, or ``None`` for one that PEP 440 refuses."""
    try:
        return Version(text)
    except InvalidVersion:
        return None


class Requirements:
    """Parses requirements and evaluates their markers for one runtime; remembers both."""

    def __init__(self, *, python: str, architecture: str) -> None:
        common = {
            "implementation_name": "cpython",
            "os_name": "posix",
            "platform_machine": MACHINES[architecture],
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_version": python,
            "sys_platform": "linux",
        }
        self._environments = tuple(
            common | {"python_full_version": full, "implementation_version": full}
            for full in (f"{python}.0", f"{python}.{_LAST_PATCH}")
        )
        self._python = tuple(Version(each["python_full_version"]) for each in self._environments)
        self._parsed: dict[str, Requirement | None] = {}
        self._applies: dict[tuple[str, frozenset[str]], bool] = {}

    def parse(self, text: str) -> Requirement | None:
        """The requirement, or ``None`` for one that PEP 508 refuses."""
        if text not in self._parsed:
            try:
                self._parsed[text] = Requirement(text)
            except InvalidRequirement:
                self._parsed[text] = None
        return self._parsed[text]

    def applies(self, requirement: Requirement, extras: Iterable[str] = ()) -> bool:
        """True if it certainly asks for something on this runtime, with these extras wanted."""
        marker = requirement.marker
        if marker is None:
            return True
        text = str(marker)
        key = (text, frozenset(extras))
        if key not in self._applies:
            self._applies[key] = self._marker_applies(marker, text, key[1])
        return self._applies[key]

    def _marker_applies(self, marker: Marker, text: str, extras: Iterable[str]) -> bool:
        if _UNKNOWN.search(text):
            return False
        wanted = ["", *extras] if "extra" in text else [""]
        return all(
            any(_holds(marker, environment | {"extra": extra}) for extra in wanted)
            for environment in self._environments
        )

    def accepts_python(self, text: str) -> bool | None:
        """True if Requires-Python takes the runtime; ``False`` if only a later Python would do.

        ``None`` if that cannot be said: an upper bound is often only caution.
        """
        try:
            specifiers = SpecifierSet(text)
        except InvalidSpecifier:
            return None
        if any(specifiers.contains(version, prereleases=True) for version in self._python):
            return True
        for specifier in specifiers:
            wanted = parsed_version(specifier.version.removesuffix(".*"))
            if (
                wanted is not None
                and specifier.operator in (">=", ">", "~=")
                and wanted > self._python[-1]
            ):
                return False
        return None


def satisfies(requirement: Requirement, version: Version) -> bool:
    """True if an installed version meets it; one that is installed may be a prerelease."""
    return requirement.specifier.contains(version, prereleases=True)


def key_of(name: str) -> str:
    """A distribution's name as PEP 503 normalises it."""
    return canonicalize_name(name)


def _holds(marker: Marker, environment: dict[str, str]) -> bool:
    try:
        return marker.evaluate(environment)
    except (UndefinedComparison, UndefinedEnvironmentName, InvalidVersion):
        return False
