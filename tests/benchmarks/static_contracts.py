"""The contracts that need no replay, against reading the same packages with zipfile.

One function in two versions, about 50 MB in thousands of files, is judged by the three contracts
and both strategies, cold (nothing known of any package) and unchanged (a new session, everything
known by digest). The packages are in the artefact store in both cases, as the session loads them
for the replays anyway; with that loading included it is shown beside it, for information. Each
turn is a Python process of its own that times itself after its imports, so that nothing is
remembered but what is on disk. What is compared is processor time: both sides have one thread
and their files in memory, and other processes of a machine lengthen the wall time far more.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the tests' folder

from benchmarks import package_set
from benchmarks.measures import Effort, Ratio, Result, Say, take_turns
from benchmarks.package_set import PackageSet
from benchmarks.workbench import CannotMeasure, Workbench
from pytest_lambda_rollback.aws_lambda.runtimes import AS_OF
from pytest_lambda_rollback.contracts.interface import StaticCase
from pytest_lambda_rollback.model.findings import Contract, Judgement
from pytest_lambda_rollback.model.settings import Strategy
from pytest_lambda_rollback.model.versions import FunctionConfiguration, FunctionVersion, Layer
from pytest_lambda_rollback.packages.artifacts import ArtifactStore
from pytest_lambda_rollback.reports import sentences
from pytest_lambda_rollback.session.static_checks import StaticContracts

COLD_GOAL = 3.0
UNCHANGED_GOAL = 0.05
ROUNDS = 7
WARM_UP = 1


def measure(bench: Workbench, effort: Effort, say: Say) -> tuple[Result, ...]:
    """Cold against zipfile, and unchanged against cold."""
    say("making the packages")
    folder = bench.folder / "static"
    folder.mkdir()
    package_set.write(folder, smallest=effort.smallest)
    runs = _Runs(folder)
    say("reading them into the artefact store")
    runs.load()
    cold_s, unchanged_s, loaded_s, zipfile_s = take_turns(
        (runs.cold, runs.unchanged, runs.cold_with_load, runs.zipfile),
        rounds=effort.rounds_of(ROUNDS),
        warm_up=effort.warm_up_of(WARM_UP),
        say=say,
    )
    return (
        Ratio(
            name="static-cold",
            what="the static contracts by both strategies, nothing known / zipfile on the set",
            subject_s=cold_s,
            reference_s=zipfile_s,
            goal=COLD_GOAL,
        ),
        Ratio(
            name="static-unchanged",
            what="the same in a new session on unchanged packages / nothing known",
            subject_s=unchanged_s,
            reference_s=cold_s,
            goal=UNCHANGED_GOAL,
        ),
        Ratio(
            name="static-with-store",
            what="nothing known, and the packages are brought into the store / zipfile",
            subject_s=loaded_s,
            reference_s=zipfile_s,
        ),
    )


@dataclass(frozen=True, slots=True)
class _Runs:
    """Each method is one turn, and gives its seconds of processor time."""

    folder: Path

    def load(self) -> float:
        """Bring the packages into the store."""
        return self._process("load", "store", "none")

    def cold(self) -> float:
        """With an empty cache of facts, which is kept for `unchanged`."""
        shutil.rmtree(self.folder / "facts", ignore_errors=True)
        return self._process("judge", "store", "facts")

    def unchanged(self) -> float:
        """With what is known."""
        if not (self.folder / "facts").is_dir():
            self.cold()  # the first round may begin here
        return self._process("judge", "store", "facts")

    def cold_with_load(self) -> float:
        """With an empty store too."""
        for name in ("other-store", "other-facts"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        return self._process("load-and-judge", "other-store", "other-facts")

    def zipfile(self) -> float:
        """Every member of every package read."""
        return self._process("zipfile", "none", "none")

    def _process(self, what: str, store: str, facts: str) -> float:
        finished = subprocess.run(
            [sys.executable, __file__, what, str(self.folder), store, facts],
            capture_output=True,
            text=True,
        )
        if finished.returncode:
            raise CannotMeasure(f"{what} failed: {finished.stderr[-2000:]}")
        return float(finished.stdout)


# --- in the process --------------------------------------------------------------------------


def read_with_zipfile(packages: PackageSet) -> float:
    """Seconds of processor time for reading every member."""
    began = time.process_time()
    for path in packages.zips:
        with zipfile.ZipFile(path) as package:
            for member in package.infolist():
                package.read(member)
    return time.process_time() - began


def versions(store: ArtifactStore, packages: PackageSet) -> tuple[FunctionVersion, FunctionVersion]:
    """The target as it was published, and the current version."""

    def layer(name: str, version: str, path: Path) -> Layer:
        artifact = store.load(path, label=f"{name} {version}", root_dir="/opt")
        return Layer(name=name, version=version, artifact=artifact)

    def version(number: str, code: Path, libraries: Path) -> FunctionVersion:
        return FunctionVersion(
            function="shop",
            version=number,
            code=store.load(code, label=f"code {number}", root_dir="/var/task"),
            layers=(
                layer("libraries", number, libraries),
                layer("shared", "1", packages.shared),
            ),
            configuration=FunctionConfiguration(
                runtime=package_set.RUNTIME, handler=package_set.HANDLER
            ),
        )

    return (
        version("1", packages.old_code, packages.old_libraries),
        version("2", packages.new_code, packages.new_libraries),
    )


def judge(
    published: FunctionVersion, current: FunctionVersion, facts: Path
) -> dict[tuple[Strategy, Contract], Judgement]:
    """All that a session judges of one target before its first replay."""
    contracts = StaticContracts(facts, today=lambda: AS_OF)
    redeployed = replace(published, layers=current.layers)
    return {
        (strategy, contract): contracts.judge(
            contract,
            StaticCase(
                target=redeployed if strategy is Strategy.REDEPLOY else published,
                published=published,
                current=current,
                redeployed=redeployed,
                strategy=strategy,
                requires=(package_set.WANTED,),
            ),
        )
        for strategy in Strategy
        for contract in (Contract.DEPENDENCIES, Contract.IMPORTS, Contract.PLATFORM)
    }


def check(found: dict[tuple[Strategy, Contract], Judgement]) -> None:
    """See that the work was done: what is planted is found, and nothing else."""
    said = {
        key: " ".join(sentences.of_finding(finding) for finding in each.findings)
        for key, each in found.items()
    }
    planted = {
        (Strategy.REDEPLOY, Contract.IMPORTS): package_set.REMOVED,
        (Strategy.ALIAS, Contract.DEPENDENCIES): package_set.WANTED,
    }
    for key, messages in said.items():
        text = planted.get(key)
        if bool(messages) != bool(text) or (text or "") not in messages:
            raise CannotMeasure(f"{key}: {text or 'nothing'} was to be found, not: {messages}")


def main(what: str, store: Path, facts: Path, packages: PackageSet) -> float:
    """One turn; the seconds that it took."""
    if what == "zipfile":
        return read_with_zipfile(packages)
    began = time.process_time()
    both = versions(ArtifactStore(store), packages)
    if what == "load":
        return time.process_time() - began
    if what == "judge":
        began = time.process_time()
    found = judge(*both, facts)
    taken_s = time.process_time() - began
    check(found)
    return taken_s


if __name__ == "__main__":
    what, folder, store, facts = sys.argv[1:]
    root = Path(folder)
    print(main(what, root / store, root / facts, package_set.in_folder(root)))
