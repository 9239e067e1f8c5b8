"""The rules that a package's members must meet before anything of them is written.

A package is what becomes /var/task or /opt: a table of files, folders and symlinks with relative
names. This module decides what such a table may hold and gives it back normalised and sorted; it
opens no file, and knows neither zip nor tar nor the store.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from enum import StrEnum

from pytest_lambda_rollback.aws_lambda.limits import MB
from pytest_lambda_rollback.errors import SourceError

MEMBER_LIMIT = 200_000
"""Entries of one package, and members with all implied folders; far above real packages."""

_NAMES_LIMIT_BYTES = 64 * MB
"""Names and symlink targets of one package together; bounds the memory of the table."""

_NAME_LIMIT_BYTES = 4000
"""Linux takes 4096 for a whole path, the folder that the package is unpacked in included."""

_PART_LIMIT_BYTES = 255

SYMLINK_LIMIT_BYTES = 4095

_HOPS_LIMIT = 40
"""Linux follows so many symlinks in one path before it answers ELOOP."""

_STEPS_LIMIT = 1_000_000
"""Path components walked for all symlinks of one package; bounds the time of the check."""

_RELATIVE_NAMES = "Build the package again with relative names and forward slashes"
_LINKS_INSIDE = "Let the symlink point to something inside the package, or replace it with a copy"


class Kind(StrEnum):
    """The kind of a member. Devices, FIFOs and sockets are never members."""

    FILE = "file"
    FOLDER = "folder"
    SYMLINK = "symlink"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One file, folder or symlink of a package."""

    name: str
    """Relative, parts joined by ``/``, without a trailing one."""
    kind: Kind
    mode: int
    """Only permission bits, at most 0777."""
    size: int = 0
    """Bytes of a file as its source declares them; 0 for the others."""
    target: str = ""
    """The target of a symlink, relative to its own folder."""
    origin: int = -1
    """Position in the zip's central directory; -1 where the name says it all."""


def refusal(label: str, why: str, do: str = "") -> SourceError:
    """The error for a package that is not taken; ``label`` is the name the user gave it."""
    return SourceError(f"{label} is refused", why=why, do=do)


def quoted(name: str) -> str:
    """A name as messages show it: quoted, control characters escaped, cut when very long."""
    return repr(name if len(name) <= 120 else f"{name[:117]}...")


def megabytes(size_bytes: int) -> str:
    """A size in MB, rounded up to a tenth, so that a size over a limit never reads as equal."""
    return f"{math.ceil(size_bytes * 10 / MB) / 10:.1f} MB"


class MemberTable:
    """Collects the entries of one package and gives back its members.

    Raises SourceError for the first entry that breaks a rule.
    """

    def __init__(self, *, label: str, root_dir: str, limit_bytes: int) -> None:
        self._label = label
        self._root_dir = root_dir
        self._limit_bytes = limit_bytes
        self._members: dict[str, Member] = {}
        self._entries = 0
        self._names_bytes = 0

    def add(self, entry: Member) -> None:
        """Take one entry with its name as the source has it. A later one replaces an earlier."""
        self._entries += 1
        self._bound(self._entries)
        name = self._clean(entry.name)
        if not name:
            if entry.kind is not Kind.FOLDER:
                raise self._refuse(f"{quoted(entry.name)} names no file", _RELATIVE_NAMES)
            return
        known = self._members.get(name)
        if known is not None and (known.kind is Kind.FOLDER) != (entry.kind is Kind.FOLDER):
            raise self._both(name)
        self._put(replace(entry, name=name))

    def finish(self) -> tuple[Member, ...]:
        """All members sorted by name, each after its folder; folders without an entry are 0755."""
        for name in list(self._members):
            self._add_folders_of(name)
        size_bytes = sum(member.size for member in self._members.values())
        if size_bytes > self._limit_bytes:
            raise too_large(self._label, size_bytes, self._limit_bytes)
        self._check_symlinks()
        return tuple(sorted(self._members.values(), key=lambda member: _encoded(member.name)))

    def _put(self, member: Member) -> None:
        self._members[member.name] = member
        self._names_bytes += len(member.name) + len(member.target)
        if self._names_bytes > _NAMES_LIMIT_BYTES:
            raise self._refuse("the names in it are unreasonably long")

    def _bound(self, count: int) -> None:
        if count > MEMBER_LIMIT:
            raise too_many(self._label)

    def _clean(self, raw: str) -> str:
        """The name without ``.`` parts and doubled slashes; empty for the package's root."""
        shown = quoted(raw)
        if not raw:
            raise self._refuse("an entry in it has an empty name", _RELATIVE_NAMES)
        if "\0" in raw:
            raise self._refuse(f"{shown} has a NUL in its name", _RELATIVE_NAMES)
        if raw.startswith("/"):
            raise self._refuse(f"{shown} is an absolute path", _RELATIVE_NAMES)
        if "\\" in raw:
            raise self._refuse(f"{shown} has a backslash in its name", _RELATIVE_NAMES)
        if re.match(r"[A-Za-z]:", raw):
            raise self._refuse(f"{shown} names a drive", _RELATIVE_NAMES)
        parts = [part for part in raw.split("/") if part not in ("", ".")]
        if ".." in parts:
            raise self._refuse(f"{shown} climbs out with '..'", _RELATIVE_NAMES)
        name = "/".join(parts)
        if len(_encoded(name)) > _NAME_LIMIT_BYTES or any(
            len(_encoded(part)) > _PART_LIMIT_BYTES for part in parts
        ):
            raise self._refuse(f"{shown} is longer than Linux allows", "Shorten it")
        return name

    def _add_folders_of(self, name: str) -> None:
        parent = name.rpartition("/")[0]
        while parent:
            known = self._members.get(parent)
            if known is not None:
                if known.kind is Kind.SYMLINK:
                    raise self._refuse(
                        f"{quoted(name)} would be written through {quoted(parent)},"
                        " which is a symlink",
                        "Build the package again with only one of the two",
                    )
                if known.kind is Kind.FILE:
                    raise self._both(parent)
                return
            self._put(Member(name=parent, kind=Kind.FOLDER, mode=0o755))
            self._bound(len(self._members))
            parent = parent.rpartition("/")[0]

    def _check_symlinks(self) -> None:
        links: dict[str, Member] = {}
        for name, member in self._members.items():
            if member.kind is Kind.SYMLINK:
                links[name] = replace(member, target=self._relative(member))
        steps = 0
        for link in links.values():
            steps += self._follow(link, links)
            if steps > _STEPS_LIMIT:
                raise self._refuse("its symlinks are too deeply chained", _LINKS_INSIDE)
        self._members.update(links)

    def _relative(self, link: Member) -> str:
        """The target; an absolute one under the package's own root is made relative."""
        if not link.target or "\0" in link.target:
            raise self._refuse(f"{quoted(link.name)} is a symlink to nowhere", _LINKS_INSIDE)
        if not link.target.startswith("/"):
            return link.target
        parts = [part for part in link.target.split("/") if part not in ("", ".")]
        root = self._root_dir.strip("/").split("/")
        if parts[: len(root)] != root:
            raise self._leaves(link)
        climbs = [".."] * link.name.count("/")
        return "/".join(climbs + parts[len(root) :]) or "."

    def _follow(self, link: Member, links: dict[str, Member]) -> int:
        """Resolve one symlink as Linux would; the number of components that it took.

        What is missing in the package is taken by its name: another layer may bring it.
        """
        at = link.name.rpartition("/")[0]
        pending = link.target.split("/")[::-1]
        hops = steps = 0
        while pending:
            steps += 1
            part = pending.pop()
            if part in ("", "."):
                continue
            if part == "..":
                if not at:
                    raise self._leaves(link)
                at = at.rpartition("/")[0]
                continue
            here = f"{at}/{part}" if at else part
            if len(here) > _NAME_LIMIT_BYTES:
                raise self._refuse(
                    f"{quoted(link.name)} is a symlink to a name longer than Linux allows",
                    _LINKS_INSIDE,
                )
            through = links.get(here)
            if through is None:
                at = here
                continue
            hops += 1
            if hops > _HOPS_LIMIT:
                raise self._refuse(
                    f"{quoted(link.name)} is a symlink that loops, or leads through more than"
                    f" {_HOPS_LIMIT} others",
                    _LINKS_INSIDE,
                )
            pending.extend(through.target.split("/")[::-1])
        return steps

    def _refuse(self, why: str, do: str = "") -> SourceError:
        return refusal(self._label, why, do)

    def _both(self, name: str) -> SourceError:
        return self._refuse(
            f"{quoted(name)} is both a folder and something else",
            "Build the package again with only one of the two",
        )

    def _leaves(self, link: Member) -> SourceError:
        return self._refuse(
            f"{quoted(link.name)} is a symlink to {quoted(link.target)},"
            f" which is outside {self._root_dir}",
            _LINKS_INSIDE,
        )


def too_large(label: str, size_bytes: int, limit_bytes: int) -> SourceError:
    """The error for one package that is over the limit by itself."""
    return refusal(
        label,
        f"it is {megabytes(size_bytes)} unzipped, and Lambda allows"
        f" {limit_bytes // MB} MB for code and layers together",
        "Remove what the function does not need",
    )


def too_many(label: str) -> SourceError:
    """The error for a package with an unreasonable number of entries."""
    return refusal(
        label,
        f"it holds more than {MEMBER_LIMIT:,} files and folders",
        "Remove what the function does not need",
    )


def _encoded(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")
