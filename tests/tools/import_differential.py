"""The imports contract against really importing each name, on pairs of real packages.

    import_differential.py [--only PAIR ...] [-v]

For each pair of releases pip installs both, a subprocess under this interpreter lists the public
names that the old one has, and the same names are asked of the new one by import. Then the contract
reads code that uses each name, built on the old release, on the new one. What really breaks is
``found``, ``noted`` (a warning, or counted as unchecked) or ``missed``; a finding about what works
is ``false``. Exit 0 if nothing is missed in silence and nothing is false.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from helpers.made_sources import Workbench

PAIRS = (
    ("requests.utils", ("requests==2.25.1", "urllib3==1.26.18", "idna==2.10", "chardet==4.0.0",
     "certifi==2024.8.30"), ("requests==2.32.3", "urllib3==2.2.2", "idna==3.7",
     "charset_normalizer==3.4.0", "certifi==2024.8.30")),
    ("jwt", ("PyJWT==1.7.1",), ("PyJWT==2.8.0",)),
    ("markupsafe", ("MarkupSafe==1.1.1",), ("MarkupSafe==2.1.5",)),
    ("jinja2", ("Jinja2==2.11.3", "MarkupSafe==1.1.1"), ("Jinja2==3.1.4", "MarkupSafe==2.1.5")),
    ("werkzeug", ("Werkzeug==1.0.1",), ("Werkzeug==3.0.3", "MarkupSafe==2.1.5")),
    ("itsdangerous", ("itsdangerous==1.1.0",), ("itsdangerous==2.2.0",)),
    ("click", ("click==7.1.2",), ("click==8.1.7",)),
    ("urllib3", ("urllib3==1.26.18",), ("urllib3==2.2.2",)),
    ("attr", ("attrs==19.3.0",), ("attrs==24.2.0",)),
    ("marshmallow", ("marshmallow==2.21.0",), ("marshmallow==3.21.3", "packaging==24.1")),
    ("packaging.version", ("packaging==20.9", "pyparsing==2.4.7"), ("packaging==24.1",)),
    ("cachetools", ("cachetools==3.1.1",), ("cachetools==5.5.0",)),
    ("yaml", ("PyYAML==5.3.1",), ("PyYAML==6.0.2",)),
    ("dateutil.parser", ("python-dateutil==2.6.1", "six==1.16.0"),
     ("python-dateutil==2.9.0", "six==1.16.0")),
    ("simplejson", ("simplejson==3.8.2",), ("simplejson==3.19.2",)),
)  # fmt: skip
"""Module that is asked, the pins of the old stack, those of the new one."""

_LIST = """
import importlib, json, sys, types, warnings
warnings.simplefilter("ignore")
module, wanted = sys.argv[1], json.loads(sys.argv[2])
m = importlib.import_module(module)
def has(path):
    here = m
    for part in path:
        try: here = getattr(here, part)
        except Exception: return False
    return True
if wanted is None:
    names = []
    for name in sorted(vars(m)):
        if name.startswith("_"): continue
        value = getattr(m, name, None)
        if isinstance(value, types.ModuleType): continue
        names.append([name])
        if isinstance(value, type) and value.__module__.split(".")[0] == module.split(".")[0]:
            names += [[name, a] for a in sorted(vars(value)) if not a.startswith("_")][:5]
    print(json.dumps(names))
else:
    print(json.dumps([has(path) for path in wanted]))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The references of one pair, by what became of them."""

    references: int
    breaking: int
    found: int
    noted: int
    missed: tuple[str, ...]
    false: tuple[str, ...]


def installed(pins: tuple[str, ...], folder: Path) -> Path:
    """The folder with these pins. Raises CalledProcessError where pip fails."""
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-compile"]
    subprocess.run([*command, "--target", str(folder), *pins], check=True)
    return folder


def asked(folder: Path, module: str, wanted: object) -> list[object]:
    """What a fresh interpreter says that a module has, with only this folder installed."""
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c",
         f"import sys; sys.path.insert(0, {str(folder)!r})\n{_LIST}", module, json.dumps(wanted)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    answer = json.loads(run.stdout.splitlines()[-1])
    assert isinstance(answer, list)
    return answer


def sources(folder: Path) -> dict[str, str | bytes]:
    """The files of a release as a layer has them."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def compared(module: str, old: Path, new: Path, root: Path) -> Score:
    """One pair: what really breaks, and what the contract says."""
    paths = [tuple(map(str, each)) for each in asked(old, module, None) if isinstance(each, list)]
    there = asked(new, module, paths)
    top_level = {path for path, is_there in zip(paths, there, strict=True) if not is_there}
    breaking = {p for p in top_level if p[:1] not in top_level or len(p) == 1}
    paths = [p for p in paths if p[:1] not in top_level or len(p) == 1]
    lines = ["def use():", *(f"    {module}.{'.'.join(path)}" for path in paths)]
    code = "\n".join([f"import {module}", *lines, "def handler(e, c): use()", ""])
    judgement = Workbench(root).rollback(code, sources(old), sources(new))
    found, noted = set(), set()
    for finding in judgement.findings:
        found.add(int((finding.location or ":0").rpartition(":")[2]) - 3)
    for warning in judgement.warnings:
        noted.add(int((warning.location or ":0").rpartition(":")[2]) - 3)
    unchecked = sum(int(str(dict(note.details).get("count", 0))) for note in judgement.notes)
    at = {path: number for number, path in enumerate(paths)}
    unseen = [".".join(p) for p in sorted(breaking) if at[p] not in found | noted]
    counted = min(unchecked, len(unseen))
    return Score(
        references=len(paths),
        breaking=len(breaking),
        found=sum(at[p] in found for p in breaking),
        noted=sum(at[p] in noted for p in breaking) + counted,
        missed=tuple(unseen) if counted < len(unseen) else (),
        false=tuple(".".join(p) for p in paths if at[p] in found and p not in breaking),
    )


def main() -> int:
    """Score all pairs, print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("-v", action="store_true")
    args = parser.parse_args()
    total: Counter[str] = Counter()
    for module, old_pins, new_pins in PAIRS:
        if args.only and module not in args.only:
            continue
        with tempfile.TemporaryDirectory(prefix="imports-") as name:
            root = Path(name)
            try:
                old, new = installed(old_pins, root / "old"), installed(new_pins, root / "new")
                score = compared(module, old, new, root)
            except subprocess.CalledProcessError as error:
                total["not compared"] += 1
                print(f"{module}: not compared: {error.stderr or error}")
                continue
        total.update(
            references=score.references, breaking=score.breaking, found=score.found,
            noted=score.noted, missed=len(score.missed), false=len(score.false),
        )  # fmt: skip
        short = f"{score.found} of {score.breaking} breaking references found"
        print(f"{module}: {score if args.v else short}", flush=True)
    print(", ".join(f"{count} {what}" for what, count in total.items()))
    return int(bool(total["missed"] or total["false"] or total["not compared"]))


if __name__ == "__main__":
    sys.exit(main())
