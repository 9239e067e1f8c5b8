"""One artefact unpacked over another, as overlays go, and nothing written anywhere else."""

from __future__ import annotations

import hashlib
import io
import stat
import tarfile
from pathlib import Path

import pytest

from helpers.package_builders import Entry, everything_below, file, folder, link, make_zip
from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.model.versions import Artifact
from pytest_lambda_rollback.packages.artifacts import ArtifactStore

OVERLAYS: dict[str, tuple[list[Entry], list[Entry], dict[str, bytes | str | None]]] = {
    "merge": (
        [file("a/x", b"1"), file("a/y", b"1")],
        [file("a/x", b"2"), file("a/z", b"2")],
        {"a": None, "a/x": b"2", "a/y": b"1", "a/z": b"2"},
    ),
    "file-over-folder": ([file("a/x", b"1")], [file("a", b"2")], {"a": b"2"}),
    "folder-over-file": ([file("a", b"1")], [file("a/x", b"2")], {"a": None, "a/x": b"2"}),
    "symlink-over-folder": (
        [file("a/x", b"1"), file("b", b"1")],
        [link("a", "b")],
        {"a": "b", "b": b"1"},
    ),
    "folder-over-symlink": (
        [folder("b"), link("a", "b")],
        [file("a/x", b"2")],
        {"a": None, "a/x": b"2", "b": None},
    ),
    "file-over-symlink": (
        [file("b", b"1"), link("a", "b")],
        [file("a", b"2")],
        {"a": b"2", "b": b"1"},
    ),
    "symlink-over-symlink": ([link("a", "b")], [link("a", "c")], {"a": "c"}),
}


@pytest.mark.parametrize("case", OVERLAYS)
def test_a_later_layer_goes_over_an_earlier_one(tmp_path: Path, case: str) -> None:
    lower, upper, expected = OVERLAYS[case]
    store = ArtifactStore(tmp_path / "store")
    for name, entries in (("lower.zip", lower), ("upper.zip", upper)):
        artifact = store.load(make_zip(tmp_path / name, *entries), label=name, root_dir="/opt")
        store.unpack(artifact, tmp_path / "opt")

    assert everything_below(tmp_path / "opt") == expected


def test_unpacking_twice_gives_the_same(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "store")
    package = make_zip(tmp_path / "p.zip", file("a/x"), link("l", "a"), folder("c", stat.S_IFDIR))
    artifact = store.load(package, label="p", root_dir="/opt")
    store.unpack(artifact, tmp_path / "opt")
    once = everything_below(tmp_path / "opt")

    store.unpack(artifact, tmp_path / "opt")

    assert everything_below(tmp_path / "opt") == once


def test_modes_are_kept_but_folders_stay_open_to_their_owner(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "store")
    package = make_zip(
        tmp_path / "p.zip",
        file("secret", mode=stat.S_IFREG | 0o600),
        file("tool", mode=stat.S_IFREG | 0o555),
        folder("shut", stat.S_IFDIR | 0o055),
        file("shut/x"),
    )
    store.unpack(store.load(package, label="p", root_dir="/opt"), tmp_path / "opt")

    modes = {
        path.relative_to(tmp_path / "opt").as_posix(): oct(stat.S_IMODE(path.stat().st_mode))
        for path in (tmp_path / "opt").rglob("*")
    }
    assert modes == {"secret": "0o600", "tool": "0o555", "shut": "0o755", "shut/x": "0o644"}


def test_nothing_is_written_through_a_symlink_that_lies_there_already(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x").write_bytes(b"mine")
    (tmp_path / "opt").mkdir()
    (tmp_path / "opt" / "a").symlink_to(outside)
    (tmp_path / "opt" / "b").symlink_to(outside / "x")
    store = ArtifactStore(tmp_path / "store")
    package = make_zip(tmp_path / "p.zip", file("a/x", b"evil"), file("b", b"evil"))

    store.unpack(store.load(package, label="p", root_dir="/opt"), tmp_path / "opt")

    assert everything_below(outside) == {"x": b"mine"}
    assert everything_below(tmp_path / "opt") == {"a": None, "a/x": b"evil", "b": b"evil"}


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = target
    return info


HOSTILE = {
    "climbs": [member("../evil")],
    "absolute": [member("/evil")],
    "climbs-below": [member("a", tarfile.DIRTYPE), member("a/../../evil")],
    "without-its-folder": [member("a/evil")],
    "through-symlink": [member("a", tarfile.SYMTYPE, ".."), member("a/evil")],
    "folder-made-symlink": [
        member("a", tarfile.DIRTYPE),
        member("a", tarfile.SYMTYPE, ".."),
        member("a/evil"),
    ],
    "hard-link": [member("evil", tarfile.LNKTYPE, "/etc/hostname")],
    "device": [member("evil", tarfile.CHRTYPE)],
    "fifo": [member("evil", tarfile.FIFOTYPE)],
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_tar_that_is_not_of_the_store_writes_nothing_outside(tmp_path: Path, case: str) -> None:
    tar = tmp_path / "hostile.tar"
    with tarfile.open(tar, "w") as made:
        for info in HOSTILE[case]:
            made.addfile(info, io.BytesIO())
    digest = hashlib.sha256(tar.read_bytes()).hexdigest()
    artifact = Artifact(label="layers/evil", digest=digest, size_bytes=0, tar=tar)

    with pytest.raises(SourceError, match="layers/evil cannot be unpacked: unexpected member"):
        ArtifactStore(tmp_path / "store").unpack(artifact, tmp_path / "deep" / "opt")

    assert not list(tmp_path.rglob("evil"))
    assert not Path("/evil").exists()


@pytest.mark.parametrize("damage", ["gone", "cut", "no-tar"])
def test_a_stored_tar_that_is_damaged_is_an_error(tmp_path: Path, damage: str) -> None:
    store = ArtifactStore(tmp_path / "store")
    package = make_zip(tmp_path / "p.zip", file("a", b"x" * 5000))
    artifact = store.load(package, label="layers/p.zip", root_dir="/opt")
    if damage == "gone":
        artifact.tar.unlink()
    else:
        content = artifact.tar.read_bytes()
        artifact.tar.write_bytes(content[:2000] if damage == "cut" else b"q" * len(content))

    what = "cannot be unpacked" if damage == "gone" else "has changed in the artefact store"
    with pytest.raises(SourceError, match=rf"^layers/p\.zip {what}: .*[Rr]un again"):
        store.unpack(artifact, tmp_path / "opt")
