"""What is refused: with the reason, nothing written outside the store, nothing left in it."""

from __future__ import annotations

import os
import re
import socket
import stat
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.package_builders import (
    FILE,
    SYMLINK,
    Entry,
    everything_below,
    file,
    folder,
    link,
    make_folder,
    make_zip,
    with_claimed_size,
    with_flags,
    zip_bytes,
)
from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.packages.artifacts import ArtifactStore

EMPTY_STORE = {"artifacts": None, "index": None}
DO_NAMES = "Build the package again with relative names and forward slashes"
MB = 1024 * 1024


def refused(
    tmp_path: Path, package: Path, *, root_dir: str = "/opt", limit_bytes: int = 250 * MB
) -> SourceError:
    """The error of loading; fails unless everything but the store is as it was before."""
    before = everything_below(tmp_path)
    store = tmp_path / "store"
    with pytest.raises(SourceError) as caught:
        ArtifactStore(store, limit_bytes=limit_bytes).load(
            package, label="layers/shared", root_dir=root_dir
        )
    assert everything_below(store) == EMPTY_STORE
    after = everything_below(tmp_path)
    assert {name: after[name] for name in after if name.split("/")[0] != "store"} == before
    return caught.value


BAD_NAMES = {
    "": "an entry in it has an empty name",
    "/etc/passwd": "'/etc/passwd' is an absolute path",
    "//x": "'//x' is an absolute path",
    "../evil": "'../evil' climbs out with '..'",
    "a/../../evil": "'a/../../evil' climbs out with '..'",
    "a/b/..": "'a/b/..' climbs out with '..'",
    "..": "'..' climbs out with '..'",
    "../": "'../' climbs out with '..'",
    "a\\b.py": r"'a\\b.py' has a backslash in its name",
    "..\\evil": r"'..\\evil' has a backslash in its name",
    "C:/evil": "'C:/evil' names a drive",
    "c:evil": "'c:evil' names a drive",
    "app.py\0.txt": r"'app.py\x00.txt' has a NUL in its name",
    ".": "'.' names no file",
}


@pytest.mark.parametrize("name", BAD_NAMES, ids=repr)
def test_names_that_are_not_plainly_relative(tmp_path: Path, name: str) -> None:
    package = make_zip(tmp_path / "p.zip", file("app.py"), file(name))

    error = refused(tmp_path, package)

    assert (error.what, error.why, error.do) == (
        "layers/shared is refused",
        BAD_NAMES[name],
        DO_NAMES,
    )


@pytest.mark.parametrize("name", ["x" * 256, "a/" * 2500 + "f"], ids=["part", "path"])
def test_names_longer_than_linux_takes(tmp_path: Path, name: str) -> None:
    error = refused(tmp_path, make_zip(tmp_path / "p.zip", file(name)))

    assert "is longer than Linux allows" in error.why
    assert len(str(error)) < 300


TREES: dict[str, tuple[tuple[Entry, ...], str]] = {
    "symlink-up": (
        (link("x", "../evil"),),
        "'x' is a symlink to '../evil', which is outside /opt",
    ),
    "symlink-up-from-below": (
        (link("a/b/x", "../../../evil"),),
        "'a/b/x' is a symlink to '../../../evil', which is outside /opt",
    ),
    "symlink-out-and-back-in": (
        (link("x", "../opt/y"), file("y")),
        "'x' is a symlink to '../opt/y', which is outside /opt",
    ),
    "symlink-out-through-another": (
        # Read as text, d/e/.. is d; Linux goes to d/e, which is the root, and up from there.
        (link("d/e", ".."), link("x", "d/e/..")),
        "'x' is a symlink to 'd/e/..', which is outside /opt",
    ),
    "symlink-out-through-three": (
        (link("a", "b"), link("b", "c/d"), folder("c"), link("c/d", "."), link("x", "a/../..")),
        "'x' is a symlink to 'a/../..', which is outside /opt",
    ),
    "symlink-absolute": (
        (link("x", "/etc/passwd"),),
        "'x' is a symlink to '/etc/passwd', which is outside /opt",
    ),
    "symlink-absolute-beside-root": (
        (link("x", "/optional/y"),),
        "'x' is a symlink to '/optional/y', which is outside /opt",
    ),
    "symlink-absolute-out-of-root": (
        (link("x", "/opt/../etc/passwd"),),
        "'x' is a symlink to '../etc/passwd', which is outside /opt",
    ),
    "symlink-to-itself": (
        (link("x", "x"),),
        "'x' is a symlink that loops, or leads through more than 40 others",
    ),
    "symlink-loop-of-two": (
        (link("x", "y/z"), link("y", "x")),
        "'x' is a symlink that loops, or leads through more than 40 others",
    ),
    "symlink-to-nothing": ((link("x", ""),), "'x' is a symlink to nowhere"),
    "symlink-with-nul": ((link("x", "a\0b"),), "'x' is a symlink to nowhere"),
    "symlink-endless": ((link("x", "a/" * 3000),), "'x' is a symlink to an overlong name"),
    "through-symlink": (
        (folder("real"), link("x", "real"), file("x/app.py")),
        "'x/app.py' would be written through 'x', which is a symlink",
    ),
    "through-symlink-that-comes-later": (
        (file("x/y/app.py"), link("x", "/opt/real")),
        "'x/y/app.py' would be written through 'x', which is a symlink",
    ),
    "folder-and-file": (
        (folder("x"), file("x")),
        "'x' is both a folder and something else",
    ),
    "folder-and-symlink": (
        (link("x", "y"), folder("x")),
        "'x' is both a folder and something else",
    ),
    "file-as-parent": (
        (file("x"), file("x/app.py")),
        "'x' is both a folder and something else",
    ),
    "fifo": ((file("x", mode=stat.S_IFIFO | 0o644),), "'x' is a FIFO"),
    "socket": ((file("x", mode=stat.S_IFSOCK | 0o644),), "'x' is a socket"),
    "character-device": ((file("x", mode=stat.S_IFCHR | 0o644),), "'x' is a character device"),
    "block-device": ((file("x", mode=stat.S_IFBLK | 0o644),), "'x' is a block device"),
    "symlink-named-as-folder": (
        (Entry(name="x/", content=b"/etc", mode=SYMLINK),),
        "'x/' is a symlink and a folder at once",
    ),
    "bzip2": (
        (Entry(name="x", content=b"x", compression=zipfile.ZIP_BZIP2),),
        "'x' is compressed with method 12 instead of deflate",
    ),
    "lzma": (
        (Entry(name="x", content=b"x", compression=zipfile.ZIP_LZMA),),
        "'x' is compressed with method 14 instead of deflate",
    ),
}


@pytest.mark.parametrize("case", TREES)
def test_entries_that_must_not_be_unpacked(tmp_path: Path, case: str) -> None:
    entries, why = TREES[case]

    error = refused(tmp_path, make_zip(tmp_path / "p.zip", file("app.py"), *entries))

    assert error.what == "layers/shared is refused"
    assert error.why == why


def test_a_symlink_that_leaves_is_measured_by_the_root_it_is_unpacked_in(tmp_path: Path) -> None:
    package = make_zip(tmp_path / "p.zip", link("x", "/opt/python"))

    error = refused(tmp_path, package, root_dir="/var/task")

    assert error.why == "'x' is a symlink to '/opt/python', which is outside /var/task"
    assert (
        error.do
        == "Let the symlink point to something inside the package, or replace it with a copy"
    )


def with_wrong_checksum() -> bytes:
    content = bytearray(zip_bytes(Entry(name="a.py", content=b"q" * 50, compression=0)))
    content[content.index(b"qqq")] ^= 1
    return bytes(content)


def with_broken_stream() -> bytes:
    content = bytearray(zip_bytes(file("a.py", os.urandom(5000))))
    start = 30 + len("a.py")
    content[start : start + 200] = bytes(200)
    return bytes(content)


def with_other_local_name() -> bytes:
    content = bytearray(zip_bytes(file("a.py")))
    content[30] = ord("b")
    return bytes(content)


GOOD = zip_bytes(file("a.py", os.urandom(3000)), file("b.py"))

DAMAGED: dict[str, tuple[Callable[[], bytes], str]] = {
    "no-zip": (lambda: b"\x7fELF" + bytes(5000), r"p\.zip is not a zip file"),
    "empty-file": (lambda: b"", r"p\.zip is not a zip file"),
    "tar-gz": (lambda: b"\x1f\x8b\x08" + bytes(100), r"p\.zip is not a zip file"),
    "cut-in-content": (lambda: GOOD[:2000], r"the zip is damaged or cut short \(.+\)"),
    "cut-in-central-directory": (lambda: GOOD[:-60], r"the zip is damaged or cut short \(.+\)"),
    "cut-last-byte": (lambda: GOOD[:-1], r"the zip is damaged or cut short \(.+\)"),
    "cut-first-bytes": (lambda: b"PK" + GOOD[1000:], r"the zip is damaged or cut short.* \(.+\)"),
    "wrong-checksum": (with_wrong_checksum, r"the zip is damaged or cut short at 'a\.py' \(.+\)"),
    "broken-stream": (with_broken_stream, r"the zip is damaged or cut short at 'a\.py' \(.+\)"),
    "other-local-name": (
        with_other_local_name,
        r"the zip is damaged or cut short at 'a\.py' \(.+\)",
    ),
    "name-that-is-not-its-declared-utf-8": (
        lambda: with_flags(zip_bytes(file("é.py")).replace("é".encode(), b"\xff\xff"), 0x800),
        r"the zip is damaged or cut short \(.+\)",
    ),
    "encrypted": (
        lambda: with_flags(zip_bytes(file("a.py")), 0x1),
        r"'a\.py' is encrypted",
    ),
    "strongly-encrypted": (
        lambda: with_flags(zip_bytes(file("a.py")), 0x41),
        r"'a\.py' is encrypted",
    ),
    "claims-less": (
        lambda: with_claimed_size(zip_bytes(file("a.py", b"y" * 100)), 99),
        r"'a\.py' holds more than the 99 bytes that its header claims",
    ),
    "claims-more": (
        lambda: with_claimed_size(zip_bytes(file("a.py", b"y" * 100)), 101),
        r"'a\.py' holds less than the 101 bytes that its header claims",
    ),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_zips_that_are_not_whole(tmp_path: Path, case: str) -> None:
    build, why = DAMAGED[case]
    package = tmp_path / "p.zip"
    package.write_bytes(build())

    error = refused(tmp_path, package)

    assert error.what == "layers/shared is refused"
    assert re.fullmatch(why, error.why)
    assert error.do


@pytest.mark.parametrize("cut", range(1, len(zip_bytes(file("a.py"), link("l", "a.py")))))
def test_a_zip_cut_anywhere_is_refused(tmp_path: Path, cut: int) -> None:
    package = tmp_path / "p.zip"
    package.write_bytes(zip_bytes(file("a.py"), link("l", "a.py"))[:-cut])

    assert refused(tmp_path, package).what == "layers/shared is refused"


def test_a_bomb_is_refused_by_what_it_declares(tmp_path: Path) -> None:
    chunk = bytes(MB)
    package = tmp_path / "p.zip"
    with (
        zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("zeros", "w") as zeros,
    ):
        for _ in range(251):
            zeros.write(chunk)
    assert package.stat().st_size < 2 * MB

    error = refused(tmp_path, package)

    assert error.why == (
        "it is 251.0 MB unzipped, and Lambda allows 250 MB for code and layers together"
    )
    assert error.do == "Remove what the function does not need"


def test_a_bomb_with_a_lying_header_is_dropped_while_it_is_read(tmp_path: Path) -> None:
    # The stream is broken far behind the claimed size: whoever read on would report that.
    bomb = bytearray(with_claimed_size(zip_bytes(file("zeros", bytes(40 * MB))), 1000))
    end_of_stream = bomb.index(b"PK\x01\x02")
    bomb[end_of_stream - 2000 : end_of_stream - 1000] = b"\xff" * 1000
    package = tmp_path / "p.zip"
    package.write_bytes(bytes(bomb))

    error = refused(tmp_path, package)

    assert error.why == "'zeros' holds more than the 1000 bytes that its header claims"


def test_entries_that_share_their_bytes_count_each(tmp_path: Path) -> None:
    """The zip of overlapping entries: small on disk, and each entry tells the truth."""
    package = make_zip(tmp_path / "p.zip", *(file(f"f{n}", bytes(MB)) for n in range(6)))

    error = refused(tmp_path, package, limit_bytes=5 * MB)

    assert error.why == "it is 6.0 MB unzipped, and Lambda allows 5 MB for code and layers together"


def test_a_folder_over_the_limit(tmp_path: Path) -> None:
    package = make_folder(tmp_path / "code")
    with (package / "model.bin").open("wb") as sparse:
        sparse.truncate(250 * MB + 1)
    before = (package / "model.bin").stat().st_blocks

    with pytest.raises(SourceError, match=r"code is refused: it is 250\.1 MB unzipped, and Lambda"):
        ArtifactStore(tmp_path / "store").load(package, label="code", root_dir="/var/task")

    assert everything_below(tmp_path / "store") == EMPTY_STORE
    assert (package / "model.bin").stat().st_blocks == before


def test_exactly_the_limit_is_taken(tmp_path: Path) -> None:
    package = make_zip(tmp_path / "p.zip", file("f", bytes(MB)), link("l", "f"))

    loaded = ArtifactStore(tmp_path / "store", limit_bytes=MB).load(
        package, label="p", root_dir="/opt"
    )

    assert loaded.size_bytes == MB


def end_of_central_directory(size_bytes: int) -> bytes:
    return b"PK\x05\x06" + bytes(8) + size_bytes.to_bytes(4, "little") + bytes(6)


def test_a_central_directory_with_too_many_entries(tmp_path: Path) -> None:
    header = bytearray(b"PK\x01\x02" + bytes(42) + b"a")
    header[28] = 1
    directory = bytes(header) * 400_000
    package = tmp_path / "p.zip"
    package.write_bytes(directory + end_of_central_directory(len(directory)))
    store = ArtifactStore(tmp_path / "store")

    tracemalloc.start()
    try:
        with pytest.raises(SourceError) as caught:
            store.load(package, label="p", root_dir="/opt")
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert caught.value.why == "it holds more than 200,000 files and folders"
    assert everything_below(tmp_path / "store") == EMPTY_STORE
    assert peak_bytes < 3 * len(directory)  # an object for each header takes ten times as much


def test_a_central_directory_that_would_not_fit_in_memory(tmp_path: Path) -> None:
    package = tmp_path / "p.zip"
    with package.open("wb") as made:
        made.truncate(70 * MB)
        made.seek(70 * MB)
        made.write(end_of_central_directory(70 * MB))

    with pytest.raises(SourceError, match="it holds more than 200,000 files and folders"):
        ArtifactStore(tmp_path / "store").load(package, label="p", root_dir="/opt")

    assert everything_below(tmp_path / "store") == EMPTY_STORE


def test_few_entries_that_imply_very_many_folders(tmp_path: Path) -> None:
    deep = "a/" * 1990
    package = make_zip(tmp_path / "p.zip", *(file(f"{n}/{deep}f") for n in range(60)))

    assert refused(tmp_path, package).why == "the names in it are unreasonably long"


def test_symlinks_through_forty_others_are_taken_and_more_are_not(tmp_path: Path) -> None:
    chain = [file("l0"), *(link(f"l{n}", f"l{n - 1}") for n in range(1, 42))]
    package = make_zip(tmp_path / "taken.zip", *chain)
    ArtifactStore(tmp_path / "other").load(package, label="p", root_dir="/opt")

    package = make_zip(tmp_path / "p.zip", *chain, link("l42", "l41"))

    assert refused(tmp_path, package).why == (
        "'l42' is a symlink that loops, or leads through more than 40 others"
    )


def test_symlinks_that_multiply_one_another_are_dropped(tmp_path: Path) -> None:
    wide = "/".join(["d"] * 2000)
    links = [link(f"l{n}", f"{wide[:3900]}/l{n - 1}") for n in range(1200)]
    package = make_zip(tmp_path / "p.zip", folder("d"), *links)

    assert refused(tmp_path, package).why == "its symlinks are too deeply chained"


def test_special_files_in_a_folder(tmp_path: Path) -> None:
    package = make_folder(tmp_path / "code", file("app.py"))
    os.mkfifo(package / "pipe")
    store = ArtifactStore(tmp_path / "store")

    with pytest.raises(SourceError, match=r"code is refused: 'pipe' is a FIFO\. Remove it"):
        store.load(package, label="code", root_dir="/var/task")
    (package / "pipe").unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        descriptor = os.open(package, os.O_RDONLY)
        try:  # the whole path may be longer than a socket's name can be
            listener.bind(f"/proc/self/fd/{descriptor}/sock")
        finally:
            os.close(descriptor)
        with pytest.raises(SourceError, match=r"code is refused: 'sock' is a socket\. Remove it"):
            store.load(package, label="code", root_dir="/var/task")

    assert everything_below(tmp_path / "store") == EMPTY_STORE


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        ((link("x", "../secret"),), "'x' is a symlink to '../secret', which is outside /opt"),
        (
            (link("d/e", ".."), link("x", "d/e/..")),
            "'x' is a symlink to 'd/e/..', which is outside",
        ),
        ((file("a\\b"),), r"'a\\b' has a backslash in its name"),
        ((link("x", "y"), link("y", "x")), "'x' is a symlink that loops"),
    ],
    ids=["symlink-up", "symlink-through-another", "backslash", "loop"],
)
def test_a_folder_is_held_to_the_same_rules(
    tmp_path: Path, entries: tuple[Entry, ...], why: str
) -> None:
    (tmp_path / "secret").write_text("s")
    package = make_folder(tmp_path / "code", *entries)

    assert refused(tmp_path, package).why.startswith(why)


def test_a_symlink_to_where_the_folder_lies_now_is_refused(tmp_path: Path) -> None:
    package = make_folder(tmp_path / "code", file("app.py"))
    (package / "x").symlink_to(package / "app.py")

    assert "which is outside /opt" in refused(tmp_path, package).why


def test_a_missing_package(tmp_path: Path) -> None:
    package = tmp_path / "build" / "p.zip"

    error = refused(tmp_path, package)

    assert error.what == "layers/shared is missing"
    assert error.why == f"there is no file or folder {package}"
    assert error.do == "Build or download it, or correct the path"


def test_a_package_that_is_neither_folder_nor_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(SourceError, match=r"code is refused: .*pipe is a FIFO\. Give a folder or"):
        ArtifactStore(tmp_path / "store").load(tmp_path / "pipe", label="code", root_dir="/opt")


def test_a_file_mode_beyond_permissions_is_dropped_not_refused(tmp_path: Path) -> None:
    package = make_zip(tmp_path / "p.zip", file("x", mode=FILE | 0o7000))

    loaded = ArtifactStore(tmp_path / "store").load(package, label="p", root_dir="/opt")

    assert loaded.digest == (
        ArtifactStore(tmp_path / "other")
        .load(make_zip(tmp_path / "q.zip", file("x")), label="q", root_dir="/opt")
        .digest
    )
