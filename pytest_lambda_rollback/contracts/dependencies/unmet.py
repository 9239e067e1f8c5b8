"""Requirements that a version does not meet: the configuration's and its distributions' own.

Each states whether it is certain or only likely; `contract` compares it
with the current version.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from packaging.requirements import Requirement

from pytest_lambda_rollback.aws_lambda.search_path import OPT, TASK, foreign_site
from pytest_lambda_rollback.contracts.dependencies.installed import (
    Installed,
    PackageFiles,
    Provider,
)
from pytest_lambda_rollback.contracts.dependencies.issues import Ground, Issue
from pytest_lambda_rollback.contracts.dependencies.markers import (
    Requirements,
    key_of,
    only_for_an_extra,
    parsed_version,
    satisfies,
)
from pytest_lambda_rollback.model.findings import Details

_VARIANTS = ("binary", "cpu", "gpu", "headless", "lite", "minimal", "nightly", "slim")
"""Endings under which the same modules are published: psycopg2-binary, tensorflow-cpu."""


class ModulesOf(Protocol):
    """The known topmost modules of distributions, from any package that has them."""

    def __call__(self, key: str) -> Iterable[str]:
        """Paths below its root; empty if nothing is known."""
        ...


class Unmet:
    """The unmet requirements of one version; ``requires`` are the configuration's, all valid."""

    def __init__(
        self,
        installed: Installed,
        *,
        requirements: Requirements,
        requires: Sequence[str],
        modules_of: ModulesOf,
    ) -> None:
        self._installed = installed
        self._requirements = requirements
        self._requires = requires
        self._modules_of = modules_of
        self._extras: Mapping[str, frozenset[str]] | None = None

    def __iter__(self) -> Iterator[Issue]:
        yield from self._of_requires()
        yield from self._of_distributions()

    # --- what the configuration requires ---------------------------------------------------

    def _of_requires(self) -> Iterator[Issue]:
        for text in self._requires:
            requirement = self._requirements.parse(text)
            if requirement is not None and self._requirements.applies(requirement):
                yield from self._missed(
                    requirement,
                    asks=_asks(text),
                    kinds=("requirement-missed", "requirement-missed"),
                    subject="",
                )

    # --- what distributions require --------------------------------------------------------

    def _of_distributions(self) -> Iterator[Issue]:
        extras = self._extras = self._wanted_extras()
        for key, provider in self._installed.providers.items():
            yield from self._of_python(provider)
            if not provider.known or provider.record.hollow:
                continue
            for text, requirement in self._active(provider, extras.get(key, frozenset())):
                if requirement is None:
                    yield Issue(
                        kind="invalid-metadata",
                        subject=key,
                        wanted=text,
                        details=(
                            ("problem", "invalid-metadata"),
                            ("provider", str(provider)),
                            ("place", provider.where),
                            ("requirement", repr(text)),
                        ),
                        certain=False,
                        distribution=provider.record.name,
                    )
                    continue
                yield from self._missed(
                    requirement,
                    asks=_asks(text, f"{provider} in {provider.where}"),
                    kinds=("dependency-missing", "dependency-conflict"),
                    subject=key,
                )

    def _wanted_extras(self) -> Mapping[str, frozenset[str]]:
        """The extras of each distribution that another one, or the configuration, asks for."""
        extras: dict[str, frozenset[str]] = {}
        pending = [
            requirement
            for requirement in map(self._requirements.parse, self._requires)
            if requirement is not None and self._requirements.applies(requirement)
        ]
        for provider in self._installed.providers.values():
            pending += [each for _, each in self._active(provider, frozenset()) if each]
        while pending:
            requirement = pending.pop()
            key = key_of(requirement.name)
            new = requirement.extras - extras.get(key, frozenset())
            if new:
                extras[key] = extras.get(key, frozenset()) | new
                asked = self._installed.find(key)
                if asked is not None:
                    pending += [each for _, each in self._active(asked, extras[key]) if each]
        return extras

    def required_by(self, key: str) -> Iterator[str]:
        """Keys of the distributions that one of code or layers requires on this runtime."""
        if self._extras is None:
            self._extras = self._wanted_extras()
        provider = self._installed.find(key)
        if provider is not None:
            for _, requirement in self._active(provider, self._extras.get(key, frozenset())):
                if requirement is not None:
                    yield key_of(requirement.name)

    def _active(
        self, provider: Provider, extras: frozenset[str]
    ) -> Iterator[tuple[str, Requirement | None]]:
        for text in provider.record.requires:
            if not extras and only_for_an_extra(text):
                continue
            requirement = self._requirements.parse(text)
            if requirement is None or self._requirements.applies(requirement, extras):
                yield text, requirement

    def _of_python(self, provider: Provider) -> Iterator[Issue]:
        wanted = provider.record.requires_python
        if not wanted:
            return
        accepted = self._requirements.accepts_python(wanted)
        if accepted is not True:
            yield Issue(
                kind="python-too-old" if accepted is False else "python-not-declared",
                subject=provider.record.key,
                wanted="",
                details=(
                    ("problem", "python"),
                    ("python", self._installed.python),
                    ("provider", str(provider)),
                    ("place", provider.where),
                    ("requirement", wanted),
                ),
                certain=accepted is False and provider.known,
                layer=provider.layer_name,
                distribution=provider.record.name,
                version=provider.record.version,
            )

    # --- one requirement -------------------------------------------------------------------

    def _missed(
        self, requirement: Requirement, *, asks: Details, kinds: tuple[str, str], subject: str
    ) -> Iterator[Issue]:
        """The issue with a requirement, if there is one; ``kinds`` for missing and for unfit."""
        key = key_of(requirement.name)
        provider = self._installed.find(key)
        if provider is None:
            yield from self._absent(requirement, key, asks, kinds[0], subject)
            return
        if not requirement.specifier:
            return
        versions = [parsed_version(text) for text in provider.versions]
        if any(version is not None and satisfies(requirement, version) for version in versions):
            return
        comparable = None not in versions
        if not comparable:
            problem = "incomparable"
        else:
            problem = "other-version" if provider.known else "hidden"
        yield Issue(
            kind=kinds[1],
            ground=_ground(subject),
            subject=subject,
            wanted=key,
            details=(
                ("problem", problem),
                *asks,
                ("place", provider.where),
                ("provider", str(provider)),
            ),
            certain=comparable and provider.known,
            layer=provider.layer_name,
            distribution=provider.record.name,
            version=provider.versions[0] or None,
        )

    def _absent(
        self, requirement: Requirement, key: str, asks: Details, kind: str, subject: str
    ) -> Iterator[Issue]:
        certain = False
        problem: Details = ()
        elsewhere = self._installed.elsewhere(key)
        if self._installed.may_come_from_runtime(key):
            if requirement.specifier:
                problem = ("problem", "runtime-version"), ("name", key)
        elif elsewhere:
            at = elsewhere[0]
            python = foreign_site(at.record.root, self._installed.python) if at.layer else None
            if python is not None and len(elsewhere) == 1:
                kind, certain = "wrong-python", True
                problem = (
                    ("problem", "wrong-python"),
                    ("place", at.where),
                    ("path", at.record.root),
                    ("other_python", python),
                    ("python", self._installed.python),
                )
            else:
                path = posixpath.join(OPT if at.layer else TASK, at.record.root)
                problem = (
                    ("problem", "outside-search-path"),
                    ("path", path),
                    ("place", at.where),
                )
        elif self._may_be_there_without_metadata(key):
            problem = (("problem", "no-metadata"),)
        else:
            # Stubs are for type checkers: nothing fails at run time without them.
            certain = not (key.startswith("types-") or key.endswith("-stubs"))
            problem = ("problem", "absent"), ("name", requirement.name)
        if problem:
            yield Issue(
                kind=kind,
                ground=_ground(subject),
                subject=subject,
                wanted=key,
                details=(*problem, *asks),
                certain=certain,
                layer=elsewhere[0].layer_name if elsewhere else None,
                distribution=requirement.name,
            )

    def _may_be_there_without_metadata(self, key: str) -> bool:
        """True if its modules are there, as far as they are known; else if any look like it.

        Packagers strip dist-info to save space, and publish variants under other names.
        """
        variants = {f"{key}-{ending}" for ending in _VARIANTS}
        variants |= {key.removesuffix(f"-{ending}") for ending in _VARIANTS} - {key}
        if any(self._installed.find(variant) for variant in variants):
            return True
        modules = tuple(self._modules_of(key))
        for files in self._installed.all_files():
            bare = files.inventory.role == "layer" and not files.inventory.distributions
            if modules:
                if _has_modules(files, modules):
                    return True
            elif (bare and files.unclaimed) or any(
                _look_alike(key, posixpath.basename(top))
                for top in (*files.unclaimed, *files.claims)
            ):
                return True
        return False


def _has_modules(files: PackageFiles, modules: Iterable[str]) -> bool:
    """True if any of the modules lies at any root, but inside another distribution."""
    ends: dict[str, list[str]] = {}
    for module in modules:
        ends.setdefault(module.rpartition("/")[2], []).append(f"/{module}")
    for path in files.modules:
        if not f"/{path}".endswith(tuple(ends.get(path.rpartition("/")[2], ()))):
            continue
        parts = path.split("/")
        if not any("/".join(parts[:end]) in files.claims for end in range(1, len(parts))):
            return True
    return False


def _look_alike(key: str, module: str) -> bool:
    """True if a module may be a distribution's by its name: ``yaml`` and ``pyyaml``."""
    name, other = (text.replace("-", "").replace("_", "").lower() for text in (key, module))
    return len(other) > 2 and (other in name or name in other)


def _ground(subject: str) -> Ground:
    """The configuration is the one that asks where no distribution does."""
    return Ground.METADATA if subject else Ground.CONFIGURATION


def _asks(text: str, asker: str | None = None) -> Details:
    """The requirement without its marker, and its owner: a distribution or the configuration."""
    return ("asker", asker), ("requirement", text.partition(";")[0].replace("()", "").strip())
