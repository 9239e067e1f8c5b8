"""A made-up function with layers in two versions, as large as real ones, the same on each run.

Five zips hold about 50 MB in some 5,000 sources and a few binaries: the function's code and its
library layer in two versions each, and a layer that both have. The sources are what Python's
readers meet in real libraries: packages that import their own modules, functions and classes with
docstrings, metadata with requirements and RECORD. Between the library versions some
distributions changed and one function went away. This module
does not know what the set is for.
"""

from __future__ import annotations

import base64
import hashlib
import random
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

RUNTIME = "python3.12"
HANDLER = "app.handler"
REMOVED = "build_report"
"""A function that the target's code calls and the newer libraries do not have."""
WANTED = "lib07>=2"
"""A requirement that the newer libraries meet and the older do not."""

_SITE = "python"
_LIBRARIES = tuple(f"lib{number:02}" for number in range(40))
_SHARED = tuple(f"acme{number:02}" for number in range(20))
_USED_LIBRARIES, _USED_SHARED = _LIBRARIES[:9], _SHARED[:5]
_FOLDERS = ("", "core/", "io/", "vendor/", "tests/")
_MODULES_IN_FOLDER = 10
_SOURCE_BYTES = 7_400
_OWN_MODULES = 30
"""They ask for three modules of each of 14 distributions."""
_BINARY_BYTES = 1_300_000
_BINARIES = 4
_CHANGED_EVERY = 3
"""Each third distribution differs between the two versions of the libraries."""
_LOSES = "lib04"
"""The one that loses a function."""

_STDLIB = ("os", "re", "json", "logging", "functools", "datetime", "collections", "typing")
_SYLLABLES = ("an", "bel", "cor", "du", "et", "fin", "gra", "hol", "is", "jun", "ka", "lim", "mo")


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageSet:
    """Paths of the zips; code goes to /var/task, layers to /opt."""

    old_code: Path
    new_code: Path
    old_libraries: Path
    new_libraries: Path
    shared: Path

    @property
    def zips(self) -> tuple[Path, ...]:
        """Each package once."""
        return tuple(getattr(self, each.name) for each in fields(self))


def in_folder(folder: Path) -> PackageSet:
    """The paths `write` gives the zips in a folder."""
    return PackageSet(
        old_code=folder / "code-1.zip",
        new_code=folder / "code-2.zip",
        old_libraries=folder / "libraries-1.zip",
        new_libraries=folder / "libraries-2.zip",
        shared=folder / "shared-1.zip",
    )


def write(folder: Path, *, smallest: bool = False) -> PackageSet:
    """Make the five zips in a folder; the smallest hold only the libraries that the code uses."""
    libraries, shared = (_USED_LIBRARIES, _USED_SHARED) if smallest else (_LIBRARIES, _SHARED)
    made = in_folder(folder)
    _write(made.old_code, _code(uses_removed=True))
    _write(made.new_code, _code(uses_removed=False))
    _write(made.old_libraries, _layer(libraries, version=1))
    _write(made.new_libraries, _layer(libraries, version=2))
    _write(made.shared, _layer(shared, version=1))
    return made


def _write(path: Path, files: Iterator[tuple[str, bytes]]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in files:
            package.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)


# --- the function's own code -----------------------------------------------------------------


def _code(*, uses_removed: bool) -> Iterator[tuple[str, bytes]]:
    libraries = (*_USED_LIBRARIES, *_USED_SHARED)
    imports = "".join(f"from shop import part{number:02}\n" for number in range(_OWN_MODULES))
    body = "\n\ndef handler(event, context):\n    return part00.run(event)\n"
    yield "app.py", (imports + body).encode()
    yield "shop/__init__.py", b""
    for number in range(_OWN_MODULES):
        used = [libraries[(number + step) % len(libraries)] for step in (0, 3, 8)]
        lines = ["import json", "import logging"]
        lines += [f"from {name}.core.m01 import {_public(name, 1)}" for name in used]
        lines += [f"import {used[0]}", f"from {used[1]} import io as {used[1]}_io"]
        lines += ["", f"log = logging.getLogger('part{number}')", "", "", "def run(event):"]
        lines += [f"    {_public(name, 1)}(event, {number}, strict=True)" for name in used]
        if uses_removed and number == _LIBRARIES.index(_LOSES):
            lines.append(f"    {_LOSES}.{REMOVED}(event)")
        lines += ["    return json.dumps(event)", ""]
        text = "\n".join(lines) + _text(f"shop {number}", 3_000, stem=f"part{number}")
        yield f"shop/part{number:02}.py", text.encode()


# --- layers ----------------------------------------------------------------------------------


def _layer(names: tuple[str, ...], *, version: int) -> Iterator[tuple[str, bytes]]:
    for place, name in enumerate(names):
        changed = version > 1 and place % _CHANGED_EVERY == 1
        release = "2.0.0" if changed else "1.4.2"
        files = dict(_distribution(name, changed=changed, removes=version > 1))
        if place % (len(names) // _BINARIES) == 0:
            files[f"{name}/_speed.so"] = _binary(name)
        info = f"{name}-{release}.dist-info"
        requires = [f"{other}>=1.0" for other in names[place + 1 : place + 4]]
        requires.append("colorama>=0.4; sys_platform == 'win32'")
        requires.append("pytest>=8; extra == 'test'")
        files[f"{info}/METADATA"] = _metadata(name, release, requires)
        files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        files[f"{info}/top_level.txt"] = f"{name}\n".encode()
        files[f"{info}/RECORD"] = _record(files, f"{info}/RECORD")
        for path, content in files.items():
            yield f"{_SITE}/{path}", content


def _distribution(name: str, *, changed: bool, removes: bool) -> Iterator[tuple[str, bytes]]:
    for folder in _FOLDERS:
        package = f"{name}.{folder.rstrip('/')}".rstrip(".")
        loaded = range(0, _MODULES_IN_FOLDER - 1, 2)
        init = "".join(f"from {package}.m{one:02} import {_public(name, one)}\n" for one in loaded)
        if not folder:
            init += f"from {name}.core import m01\n"
            if name == _LOSES and not removes:
                init += f"\n\ndef {REMOVED}(event):\n    return event\n"
        yield f"{name}/{folder}__init__.py", init.encode()
        for number in range(_MODULES_IN_FOLDER - 1):
            newer = changed and number % 3 == 1
            yield (
                f"{name}/{folder}m{number:02}.py",
                _module(name, package, number, newer=newer).encode(),
            )


def _module(name: str, package: str, number: int, *, newer: bool) -> str:
    lines = ['"""Works on values of many kinds, one after the other."""', ""]
    lines += ["from __future__ import annotations", ""]
    lines += [f"import {_STDLIB[(number + step) % len(_STDLIB)]}" for step in range(3)]
    if number > 1:
        lines.append(f"from {package}.m{number - 2:02} import {_public(name, number - 2)}")
        lines.append(f"from . import m{number // 2:02}")
    lines += ["", "try:", "    import speedups", "except ImportError:", "    speedups = None"]
    added = ", limit=None" if newer else ""
    lines += ["", "", f"def {_public(name, number)}(value, count=1, *, strict=False{added}):"]
    lines += ['    """Hand the value on."""', "    return value", ""]
    seed = f"{package} {number} {'newer' if newer else ''}"
    return "\n".join(lines) + _text(seed, _SOURCE_BYTES, stem=f"{name}_{number}")


def _public(name: str, number: int) -> str:
    return f"use_{name}_{number}"


def _text(seed: str, size: int, *, stem: str) -> str:
    """Functions and classes of about so many bytes."""
    chance = random.Random(seed)
    words = ["".join(chance.choices(_SYLLABLES, k=3)) for _ in range(160)]
    parts: list[str] = []
    length = 0
    while length < size:
        kind = _class if chance.random() < 0.3 else _function
        part = kind(chance, words, f"{stem}_{len(parts)}")
        parts.append(part)
        length += len(part)
    return "\n" + "\n".join(parts)


def _function(chance: random.Random, words: list[str], name: str, indent: str = "") -> str:
    a, b, c, d, e, f = chance.choices(words, k=6)
    said = " ".join(chance.choices(words, k=14))
    number = chance.randrange(10_000)
    own = "self, " if indent else ""
    lines = [
        f"def {name}_{a}({own}{b}, {c}={number}, *, {d}_{e}=None):",
        f'    """{said.capitalize()}.',
        "",
        f"    {' '.join(chance.choices(words, k=12))}",
        '    """',
        f"    {e} = [{f}.{a}({c}) for {f} in {b} if {f} is not None]",
        f"    if {d}_{e} is None or len({e}) > {number % 97}:",
        f'        raise ValueError(f"{{{b}!r}} is not {chance.choice(words)}")',
        f"    for {a}, {f}_{d} in enumerate({e}):",
        f"        {c} += {a} * {number % 31} + len('{chance.choice(words)}, {said[:20]}')",
        f"    return {{'{a}': {c}, '{f}': {e}[-1], '{chance.choice(words)}': {b}}}",
        "",
    ]
    return "\n".join(f"{indent}{line}" if line else "" for line in lines)


def _class(chance: random.Random, words: list[str], name: str) -> str:
    head = f"\nclass {name.title().replace('_', '')}:\n    {chance.choice(words)} = 1\n"
    methods = (_function(chance, words, f"do{place}", "    ") for place in range(3))
    return head + "\n" + "\n".join(methods)


def _binary(name: str) -> bytes:
    """An ELF header for x86-64 with noise behind it, half of which repeats as code does."""
    chance = random.Random(name)
    header = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00\x3e\x00\x01\x00\x00\x00" + bytes(40)
    blocks = (chance.randbytes(2048) + bytes(2048) for _ in range(_BINARY_BYTES // 4096))
    return header + b"".join(blocks)


def _metadata(name: str, release: str, requires: list[str]) -> bytes:
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {release}"]
    lines += ["Summary: Made up", "License: MIT", "Requires-Python: >=3.8"]
    lines += [f"Requires-Dist: {each}" for each in requires]
    described = _text(name, 5_000, stem=name)
    return ("\n".join([*lines, "Provides-Extra: test", "", described])).encode()


def _record(files: dict[str, bytes], itself: str) -> bytes:
    lines = []
    for path, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
        lines.append(f"{path},sha256={digest},{len(content)}")
    return ("\n".join([*lines, f"{itself},,"]) + "\n").encode()
