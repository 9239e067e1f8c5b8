"""The contracts that need no replay: dependencies, imports and platform.

Knows the readers of packages and the contracts that judge them; nothing of engines or events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from packaging.utils import canonicalize_name

from pytest_lambda_rollback.contracts import dependencies, imports, platform
from pytest_lambda_rollback.contracts.dependencies.markers import Requirements
from pytest_lambda_rollback.contracts.interface import StaticCase, StaticContract
from pytest_lambda_rollback.contracts.platform.case import PlatformCase
from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.import_analysis.api_changes import ApiReader
from pytest_lambda_rollback.import_analysis.handlers import missing_handler
from pytest_lambda_rollback.import_analysis.module_reader import ModuleReader
from pytest_lambda_rollback.model.findings import Contract, Finding, Judgement
from pytest_lambda_rollback.model.packages import LayerView, VersionView
from pytest_lambda_rollback.model.published import PublishedFunction
from pytest_lambda_rollback.model.settings import FunctionSettings, Strategy
from pytest_lambda_rollback.model.versions import FunctionVersion, TargetRef
from pytest_lambda_rollback.packages.inventory import InventoryReader
from pytest_lambda_rollback.session.loaded_versions import Versions


def static_case(
    versions: Versions,
    function: FunctionSettings,
    contract: str,
    target: TargetRef,
    strategy: Strategy,
    *,
    targets: Sequence[TargetRef],
) -> StaticCase:
    """The case of one target by one strategy, as contracts need it. Raises SourceError.

    ``targets`` are all targets that are checked, of which AWS is asked at once.
    """
    unread = None
    try:
        run, current = versions.rolled_back(target, strategy), versions.current()
    except SourceError as error:
        # What AWS refuses it refuses whatever is in the packages.
        if contract != Contract.PLATFORM:
            raise
        run, published, current = versions.outlined(target, strategy)
        redeployed, unread = run, str(error)
    else:
        # For `platform` nothing of the target but what is run needs to be read.
        if contract == Contract.PLATFORM:
            _, published, _ = versions.outlined(target, strategy)
            redeployed = run
        else:
            published = versions.published(target)
            redeployed = versions.rolled_back(target, Strategy.REDEPLOY)

    def facts(of: str) -> PublishedFunction | None:
        """AWS's facts about a function and all its versions that are checked here."""
        if contract != Contract.PLATFORM:
            return None
        declared = function.current
        wanted = [declared.version] if declared is not None and of == function.name else []
        wanted += [each.version for each in targets if each.function == of]
        return versions.facts(of, wanted)

    return StaticCase(
        target=run,
        published=published,
        redeployed=redeployed,
        current=current,
        strategy=strategy,
        requires=function.requires,
        facts=facts(function.name),
        target_facts=facts(target.function),
        alias=function.alias,
        unread=unread,
    )


class StaticContracts:
    """Judges targets by their packages. ``cache`` keeps what was read, by content digest.

    ``others`` are contracts of plugins.
    """

    def __init__(
        self,
        cache: Path | None,
        *,
        today: Callable[[], date] = date.today,
        others: Iterable[StaticContract] = (),
    ) -> None:
        self._today = today
        self._contracts: dict[str, Callable[[StaticCase], Judgement]] = {
            Contract.DEPENDENCIES: self._dependencies,
            Contract.IMPORTS: self._imports,
            Contract.PLATFORM: self._platform,
            **{each.name: each.judge for each in others},
        }
        self._inventories = InventoryReader(cache)
        self._modules = ModuleReader(cache)
        self._apis = ApiReader(cache, self._modules)
        self._views: dict[FunctionVersion, VersionView] = {}
        self._parsed: dict[tuple[str, str], Requirements] = {}

    def view(self, version: FunctionVersion) -> VersionView:
        """A version with the inventories of its packages. Raises SourceError."""
        if version not in self._views:
            self._views[version] = VersionView(
                version=version,
                code=self._inventories.read(version.code, role="code"),
                layers=tuple(
                    LayerView(
                        layer=layer,
                        inventory=self._inventories.read(layer.artifact, role="layer"),
                    )
                    for layer in version.layers
                ),
            )
        return self._views[version]

    def imported(self, version: FunctionVersion) -> tuple[str, ...]:
        """Modules that a version's own code asks for, each once. Raises SourceError."""
        asks = self._modules.view(version).asks
        return tuple(dict.fromkeys(answered.ask.module for answered in asks))

    def judge(self, contract: str, case: StaticCase) -> Judgement:
        """Judge one target by one contract. Raises SourceError; KeyError for other contracts."""
        return self._contracts[contract](case)

    def _platform(self, case: StaticCase) -> Judgement:
        return platform.judge(
            PlatformCase(
                strategy=case.strategy,
                target=case.target,
                published=case.published,
                current=case.current,
                facts=case.facts,
                target_facts=case.target_facts,
                current_alias=case.alias,
                unread=case.unread,
                handler_missing=self._missing_handler(case, case.target),
                current_handler_missing=self._missing_handler(case, case.current),
            ),
            today=self._today(),
        )

    def _missing_handler(self, case: StaticCase, version: FunctionVersion) -> str | None:
        return missing_handler(version, modules=self._modules) if case.unread is None else None

    def _dependencies(self, case: StaticCase) -> Judgement:
        published = self.view(case.published)
        found = dependencies.judge(
            self.view(case.target),
            self.view(case.current),
            requires=case.requires,
            strategy=case.strategy,
            published=published,
            code=dependencies.Codes(
                target=self._modules.view(case.target), current=self._modules.view(case.current)
            ),
            parsed=self._parsed,
        )
        findings = tuple(_with_own_version(each, published) for each in found.findings)
        return replace(found, findings=findings)

    def _imports(self, case: StaticCase) -> Judgement:
        own, redeployed = (self._modules.view(v) for v in (case.published, case.redeployed))
        api = None
        if case.strategy is Strategy.REDEPLOY:
            api = self._apis.compare(case.published, case.redeployed)
        return imports.judge(
            case.subject,
            own=own,
            redeployed=redeployed,
            api=api,
            live=self._modules.view(case.current),
        )


def _with_own_version(finding: Finding, published: VersionView) -> Finding:
    """A cause that names what the target was built with, not only what it would run on."""
    cause = finding.cause
    if cause is None or cause.distribution is None or cause.target_version != cause.current_version:
        return finding
    key = canonicalize_name(cause.distribution)
    packages = (published.code, *(layer.inventory for layer in published.layers))
    own = {
        record.version
        for package in packages
        for record in package.distributions
        if record.key == key
    }
    if len(own) != 1:
        return finding
    return replace(finding, cause=replace(cause, target_version=own.pop()))
