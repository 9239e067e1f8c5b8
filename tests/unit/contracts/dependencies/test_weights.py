"""The weight of what is wrong with distributions, by who imports them and on which stack."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from helpers.made_packages import Files, Packages, distribution, elf
from pytest_lambda_rollback.contracts.dependencies import Codes, judge
from pytest_lambda_rollback.import_analysis.module_reader import ModuleReader
from pytest_lambda_rollback.model.findings import Judgement
from pytest_lambda_rollback.model.packages import LayerView, VersionView
from pytest_lambda_rollback.model.settings import Strategy

HANDLER = "\n\ndef handler(event, context):\n    return lib.send(event)\n"
USES = "import lib" + HANDLER
NOTHING = "def handler(event, context):\n    return 1\n"


def lib(version: str = "1.0", *requires: str, **files: str | bytes) -> Files:
    content: dict[str, str | bytes] = {"lib/__init__.py": "def send(event): ..."}
    content |= {f"lib/{name.replace('__', '.')}": text for name, text in files.items()}
    return distribution("lib", version, at="python", requires=requires, files=content)


def dep(version: str) -> Files:
    return distribution("dep", version, at="python")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """The code of a target and the current version, and the parts of one layer of each."""

    old: str = USES
    new: str = NOTHING
    own: tuple[Files, ...]
    now: tuple[Files, ...]
    vendored: Files = field(default_factory=dict)
    requires: tuple[str, ...] = ()
    runtime: str = "python3.11"

    def judged(self, make: Packages, strategy: Strategy) -> Judgement:
        layer, current_layer = make.layer("l", *self.own), make.layer("l", *self.now, version="2")
        published = make.version("1", {"app.py": self.old}, self.vendored, layers=[layer])
        current = make.version(
            "2", {"app.py": self.new}, layers=[current_layer], runtime=self.runtime
        )
        target = published
        if strategy is Strategy.REDEPLOY:
            target = _redeployed(published, current, current_layer)
        reader = ModuleReader(None)
        return judge(
            target,
            current,
            requires=self.requires,
            strategy=strategy,
            published=published,
            code=Codes(target=reader.view(target.version), current=reader.view(current.version)),
        )


def _redeployed(published: VersionView, current: VersionView, layer: LayerView) -> VersionView:
    configuration = replace(current.version.configuration, handler="app.handler")
    version = replace(published.version, layers=(layer.layer,), configuration=configuration)
    return replace(published, version=version, layers=(layer,))


def told(judgement: Judgement) -> dict[str, str]:
    assert judgement.reason is None
    return {
        **{each.kind: "warning" for each in judgement.warnings},
        **{each.kind: "finding" for each in judgement.findings},
    }


CONFLICT, MISSING, MIXED = "dependency-conflict", "dependency-missing", "mixed-distribution"
OLD_STACK = (lib("1.0", "dep<2"), dep("1.5"))
NEW_STACK = (lib("1.0", "dep<2"), dep("2.1"))


@pytest.mark.parametrize(
    ("rollback", "alias", "redeploy"),
    [
        pytest.param(
            Rollback(own=NEW_STACK, now=OLD_STACK), {CONFLICT: "warning"}, {},
            id="the target lived with it",
        ),
        pytest.param(
            Rollback(own=(lib("1.0", "dep"),), now=(lib("1.1", "dep"), dep("1"))),
            {MISSING: "warning"}, {}, id="the target lived without it",
        ),
        pytest.param(
            Rollback(own=OLD_STACK, now=NEW_STACK), {}, {CONFLICT: "finding"},
            id="only the old code imports it",
        ),
        pytest.param(
            Rollback(own=OLD_STACK, now=NEW_STACK, old=NOTHING), {}, {},
            id="nobody imports it",
        ),
        pytest.param(
            Rollback(own=OLD_STACK, now=NEW_STACK, new=USES), {}, {CONFLICT: "warning"},
            id="both use it alike",
        ),
        pytest.param(
            Rollback(own=OLD_STACK, now=NEW_STACK, new=USES.replace("send", "other")), {},
            {CONFLICT: "finding"}, id="the current code uses something else of it",
        ),
        pytest.param(
            Rollback(
                own=OLD_STACK, now=NEW_STACK,
                new="try:\n    import lib\nexcept ImportError:\n    lib = None\n" + HANDLER,
            ),
            {}, {CONFLICT: "finding"}, id="the current code has a fallback",
        ),
        pytest.param(
            Rollback(
                own=OLD_STACK, now=NEW_STACK,
                old="def handler(event, context):\n    import lib\n    return lib.send(event)\n",
            ),
            {}, {CONFLICT: "finding"}, id="the old code imports it late",
        ),
        pytest.param(
            Rollback(
                own=OLD_STACK, now=NEW_STACK,
                old="if __name__ == '__main__':\n    import lib\n" + NOTHING,
            ),
            {}, {}, id="only a script imports it",
        ),
        pytest.param(
            Rollback(
                own=(*OLD_STACK, distribution("top", "1", at="python", requires=["lib"])),
                now=(*NEW_STACK, distribution("top", "1", at="python", requires=["lib"])),
                old="import top\n" + NOTHING,
            ),
            {}, {CONFLICT: "finding"}, id="by way of what requires it",
        ),
        pytest.param(
            Rollback(
                own=OLD_STACK, now=NEW_STACK, old="import top\n" + NOTHING,
                vendored=distribution("top", "1", requires=["lib"]),
            ),
            {}, {CONFLICT: "finding"}, id="by way of what the code carries",
        ),
        pytest.param(
            Rollback(own=(dep("1.5"),), now=(dep("2.1"),),
                     vendored=distribution("lib", "1.0", requires=["dep<2"])),
            {}, {CONFLICT: "finding"}, id="carried code against today's layer",
        ),
        pytest.param(
            Rollback(own=NEW_STACK, now=NEW_STACK), {}, {},
            id="the same stack was wrong all the time",
        ),
        pytest.param(
            Rollback(own=(lib("1.0", "dep<2"), dep("2.1")), now=(lib("1.0", "dep<2"), dep("3.0"))),
            {}, {CONFLICT: "finding"}, id="it lived with another wrong version",
        ),
        pytest.param(
            Rollback(own=OLD_STACK, now=NEW_STACK, requires=("dep<2",)), {},
            {CONFLICT: "finding", "requirement-missed": "warning"},
            id="the configuration's requirement is missed by the current version too",
        ),
        pytest.param(
            Rollback(own=NEW_STACK, now=OLD_STACK, requires=("dep<2",)),
            {CONFLICT: "warning", "requirement-missed": "finding"}, {},
            id="the configuration's requirement holds by alias",
        ),
    ],
)  # fmt: skip
def test_an_issue_weighs_by_who_needs_it_and_whether_it_is_new(
    tmp_path: Path, rollback: Rollback, alias: dict[str, str], redeploy: dict[str, str]
) -> None:
    make = Packages(tmp_path)
    assert told(rollback.judged(make, Strategy.ALIAS)) == alias
    assert told(rollback.judged(make, Strategy.REDEPLOY)) == redeploy


@pytest.mark.parametrize(
    ("code", "weight"),
    [
        (USES, None),
        ("import lib.new" + HANDLER, None),
        ("from lib import legacy\n" + NOTHING, "finding"),
        ("import lib.legacy as l\n" + NOTHING, "finding"),
        ("def handler(event, context):\n    from lib.legacy import x\n", "finding"),
    ],
)
def test_what_leaks_breaks_only_code_that_imports_it(
    tmp_path: Path, code: str, weight: str | None
) -> None:
    make = Packages(tmp_path)
    old, new = lib("1.0", legacy__py="x = 1"), lib("2.0", new__py="")
    below, above = make.layer("base", old), make.layer("l", new)
    current = make.version("2", {"app.py": NOTHING}, layers=[below, above])
    published = make.version("1", {"app.py": code}, layers=[below])
    target = replace(
        published,
        version=replace(published.version, layers=current.version.layers),
        layers=current.layers,
    )
    reader = ModuleReader(None)
    judgement = judge(
        target, current, strategy=Strategy.REDEPLOY, published=published,
        code=Codes(target=reader.view(target.version), current=reader.view(current.version)),
    )  # fmt: skip
    assert told(judgement).get(MIXED) == weight


NATIVE_39 = distribution(
    "fast", "1", at="python", tags=("cp39-cp39-manylinux_2_17_x86_64",),
    files={"fast/__init__.py": "from fast import _x\n",
           "fast/_x.cpython-39-x86_64-linux-gnu.so": elf()},
)  # fmt: skip
NATIVE_311 = distribution(
    "fast", "1", at="python", tags=("cp311-cp311-manylinux_2_17_x86_64",),
    files={"fast/__init__.py": "from fast import _x\n",
           "fast/_x.cpython-311-x86_64-linux-gnu.so": elf()},
)  # fmt: skip


@pytest.mark.parametrize(
    ("old", "own", "now", "alias", "redeploy"),
    [
        ("import fast\n", NATIVE_311, NATIVE_39, None, "finding"),
        ("", NATIVE_311, NATIVE_39, None, None),
        ("import fast\n", NATIVE_39, NATIVE_311, "finding", None),
        ("", NATIVE_39, NATIVE_311, "warning", None),
    ],
    ids=["today's layer", "today's layer, unused", "its own", "its own, unused"],
)
def test_what_cannot_load_breaks_code_that_loads_it(
    tmp_path: Path, old: str, own: Files, now: Files, alias: str | None, redeploy: str | None
) -> None:
    make = Packages(tmp_path)
    rollback = Rollback(own=(own,), now=(now,), old=old + NOTHING)
    assert told(rollback.judged(make, Strategy.ALIAS)).get("wrong-python") == alias
    assert told(rollback.judged(make, Strategy.REDEPLOY)).get("wrong-python") == redeploy
