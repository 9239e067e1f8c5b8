"""What the store makes of packages that are fine: the tar, the cache, many users at once."""

from __future__ import annotations

import concurrent.futures
import hashlib
import os
import stat
import subprocess
import sys
import tarfile
import time
import tracemalloc
import zipfile
from pathlib import Path

import pytest

import pytest_lambda_rollback
from helpers.package_builders import (
    FILE,
    FOLDER,
    SCRIPT,
    Entry,
    everything_below,
    file,
    folder,
    link,
    make_folder,
    make_zip,
    zip_bytes,
)
from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.model.versions import Artifact
from pytest_lambda_rollback.packages.artifacts import ArtifactStore, check_total

MB = 1024 * 1024
SOURCES = Path(pytest_lambda_rollback.__file__).parent.parent

APP = (
    file("app.py", b"import lib\n"),
    file("lib/__init__.py", b""),
    file("lib/deep/er/data.json", b"{}"),
    file("bin/tool", b"#!/bin/sh\necho tool ran\n", SCRIPT),
    link("run", "bin/tool"),
    link("lib/deep/up", "../__init__.py"),
)


def later() -> int:
    """A wall clock by which files that were just written are old enough to be trusted."""
    return time.time_ns() + 10_000_000_000


def load(root: Path, package: Path, *, root_dir: str = "/var/task") -> Artifact:
    return ArtifactStore(root).load(package, label=package.name, root_dir=root_dir)


def members(artifact: Artifact) -> list[tarfile.TarInfo]:
    with tarfile.open(artifact.tar) as tar:
        return tar.getmembers()


def modes(artifact: Artifact) -> dict[str, int]:
    return {member.name: member.mode for member in members(artifact)}


# --- the tar --------------------------------------------------------------------------------


def test_the_artifact_describes_the_tar_in_the_store(tmp_path: Path) -> None:
    artifact = load(tmp_path / "store", make_zip(tmp_path / "p.zip", *APP))

    content = artifact.tar.read_bytes()
    assert artifact.label == "p.zip"
    assert artifact.digest == hashlib.sha256(content).hexdigest()
    assert artifact.tar == tmp_path / "store" / "artifacts" / f"{artifact.digest}.tar"
    assert artifact.size_bytes == sum(
        len(entry.content) for entry in APP if stat.S_ISREG(entry.mode)
    )
    assert len(content) % 512 == 0


def test_members_are_sorted_under_their_folders_and_carry_no_time_or_owner(tmp_path: Path) -> None:
    artifact = load(tmp_path / "store", make_zip(tmp_path / "p.zip", *APP))

    assert [(m.name, m.isdir(), oct(m.mode)) for m in members(artifact)] == [
        ("app.py", False, "0o644"),
        ("bin", True, "0o755"),
        ("bin/tool", False, "0o755"),
        ("lib", True, "0o755"),
        ("lib/__init__.py", False, "0o644"),
        ("lib/deep", True, "0o755"),
        ("lib/deep/er", True, "0o755"),
        ("lib/deep/er/data.json", False, "0o644"),
        ("lib/deep/up", False, "0o777"),
        ("run", False, "0o777"),
    ]
    for member in members(artifact):
        assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "", "")
        assert time.gmtime(member.mtime)[:3] == (1980, 1, 1)


def test_the_bytes_of_the_tar_stay_as_they_are(tmp_path: Path) -> None:
    """Image tags rest on this digest: if it must change, so must the index version."""
    artifact = load(tmp_path / "store", make_zip(tmp_path / "p.zip", *APP))

    assert artifact.digest == "1685dd399cdf37f1b074e2f9e97f1746d60c858713fe4026c6846f0bac17e682"


def test_order_time_owner_and_compression_of_a_zip_do_not_matter(tmp_path: Path) -> None:
    other = [
        Entry(
            name=entry.name,
            content=entry.content,
            mode=entry.mode,
            date=(2001, 2, 3, 4, 5, 6),
            compression=zipfile.ZIP_STORED,
            extra=b"ux\x0b\x00\x01\x04\xe8\x03\x00\x00\x04\xe8\x03\x00\x00",
        )
        for entry in reversed(APP)
    ]

    first = load(tmp_path / "one", make_zip(tmp_path / "p.zip", *APP))
    second = load(tmp_path / "two", make_zip(tmp_path / "q.zip", *other))

    assert second.digest == first.digest


def test_a_folder_and_a_zip_of_equal_content_are_the_same_artefact(tmp_path: Path) -> None:
    from_zip = load(tmp_path / "store", make_zip(tmp_path / "p.zip", folder("empty"), *APP))
    from_folder = load(tmp_path / "store", make_folder(tmp_path / "p", folder("empty"), *APP))

    assert from_folder.digest == from_zip.digest
    assert from_folder.size_bytes == from_zip.size_bytes
    assert from_folder.label == "p"


@pytest.mark.parametrize(
    "changed",
    [
        file("app.py", b"import lib;"),
        file("app.py", b"import lib\n", SCRIPT),
        file("App.py", b"import lib\n"),
        link("app.py", "lib/__init__.py"),
    ],
    ids=["content", "mode", "name", "kind"],
)
def test_another_content_mode_name_or_kind_is_another_digest(
    tmp_path: Path, changed: Entry
) -> None:
    first = load(tmp_path / "store", make_zip(tmp_path / "p.zip", *APP))
    second = load(tmp_path / "store", make_zip(tmp_path / "q.zip", changed, *APP[1:]))

    assert second.digest != first.digest


def test_unix_modes_of_a_zip_are_kept_as_lambda_keeps_them(tmp_path: Path) -> None:
    package = make_zip(
        tmp_path / "p.zip",
        file("private.py", mode=stat.S_IFREG | 0o600),
        file("tool", mode=stat.S_IFREG | 0o755),
        file("setuid", mode=stat.S_IFREG | 0o6755),
        file("no-type", mode=0o640),
        folder("closed", mode=stat.S_IFDIR | 0o1700),
        file("implied/x"),
    )

    assert modes(load(tmp_path / "store", package)) == {
        "private.py": 0o600,
        "tool": 0o755,
        "setuid": 0o755,
        "no-type": 0o640,
        "closed": 0o700,
        "implied": 0o755,
        "implied/x": 0o644,
    }


@pytest.mark.parametrize(
    ("system", "mode"), [(0, 0), (3, 0), (0, FILE & ~0o044), (10, FILE & ~0o044)]
)
def test_a_zip_made_without_unix_modes_is_readable_by_everybody(
    tmp_path: Path, system: int, mode: int
) -> None:
    package = make_zip(
        tmp_path / "p.zip",
        Entry(name="app.py", content=b"x", mode=mode, system=system),
        Entry(name="lib/", mode=mode and FOLDER & ~0o055, system=system),
    )

    assert modes(load(tmp_path / "store", package)) == {"app.py": 0o644, "lib": 0o755}


def test_modes_of_a_folder_are_what_deployment_tools_make_of_them(tmp_path: Path) -> None:
    package = make_folder(
        tmp_path / "code",
        file("private.py", mode=stat.S_IFREG | 0o600),
        file("tool", mode=stat.S_IFREG | 0o700),
        file("group-tool", mode=stat.S_IFREG | 0o675),
        file("lib/x"),
    )
    (package / "lib").chmod(0o700)

    assert modes(load(tmp_path / "store", package)) == {
        "private.py": 0o644,
        "tool": 0o755,
        "group-tool": 0o644,
        "lib": 0o755,
        "lib/x": 0o644,
    }


def test_bytecode_caches_are_left_out_of_folders_alone(tmp_path: Path) -> None:
    plain = load(tmp_path / "store", make_folder(tmp_path / "code", *APP, file(".git/HEAD")))
    make_folder(tmp_path / "code" / "__pycache__", file("app.cpython-311.pyc"))
    make_folder(tmp_path / "code" / "lib" / "__pycache__", file("x.pyc"))

    cached = load(tmp_path / "store", tmp_path / "code")
    zipped = load(tmp_path / "store", make_zip(tmp_path / "p.zip", file("__pycache__/x.pyc")))

    assert cached.digest == plain.digest
    assert ".git/HEAD" in modes(plain)
    assert "__pycache__/x.pyc" in modes(zipped)


def test_the_store_itself_is_no_content_of_a_folder_it_lies_in(tmp_path: Path) -> None:
    code = make_folder(tmp_path / "code", file("app.py"))
    store = code / ".cache" / "store"

    first = load(store, code)
    second = load(store, code)

    assert modes(first) == {".cache": 0o755, "app.py": 0o644}
    assert second.digest == first.digest


def test_the_later_of_two_entries_of_one_name_wins(tmp_path: Path) -> None:
    twice = make_zip(tmp_path / "p.zip", file("a", b"old old"), file("b"), file("./a", b"new"))
    once = make_zip(tmp_path / "q.zip", file("b"), file("a", b"new"))

    first, second = load(tmp_path / "store", twice), load(tmp_path / "store", once)

    assert first.digest == second.digest
    assert first.size_bytes == second.size_bytes == len(b"new") + len(b"x = 1\n")


def test_names_are_made_plain(tmp_path: Path) -> None:
    package = make_zip(
        tmp_path / "p.zip", folder("."), file("./app.py"), file("lib//x"), folder("lib/./y")
    )

    assert list(modes(load(tmp_path / "store", package))) == ["app.py", "lib", "lib/x", "lib/y"]


LONG = "verylongfoldername" * 8 + "/" + "n" * 200 + ".py"
NAMES = [LONG, "grüße/日本語.py", "e\N{COMBINING ACUTE ACCENT}", "é", "with space\n", "emoji-🦆"]


def test_long_and_unicode_names_survive_both_ways(tmp_path: Path) -> None:
    entries = [*(file(name) for name in NAMES), link("l", LONG), link("é-link", "é")]

    from_zip = load(tmp_path / "store", make_zip(tmp_path / "p.zip", *entries))
    from_folder = load(tmp_path / "store", make_folder(tmp_path / "p", *entries))

    assert from_folder.digest == from_zip.digest
    assert set(NAMES) < set(modes(from_zip))
    assert {m.name: m.linkname for m in members(from_zip) if m.issym()} == {
        "l": LONG,
        "é-link": "é",
    }


def test_utf_8_names_are_understood_where_the_tool_forgot_to_flag_them(tmp_path: Path) -> None:
    content = bytearray(zip_bytes(file("grüße.py")))
    content[content.index(b"PK\x03\x04") + 7] = 0
    content[content.index(b"PK\x01\x02") + 9] = 0
    (tmp_path / "p.zip").write_bytes(bytes(content))

    assert list(modes(load(tmp_path / "store", tmp_path / "p.zip"))) == ["grüße.py"]


def test_a_name_that_is_no_unicode_is_kept_byte_by_byte(tmp_path: Path) -> None:
    code = make_folder(tmp_path / "code")
    (code / os.fsdecode(b"latin-\xe9")).write_bytes(b"")
    store = ArtifactStore(tmp_path / "store")

    artifact = store.load(code, label="code", root_dir="/opt")
    store.unpack(artifact, tmp_path / "out")

    assert [os.fsencode(path.name) for path in (tmp_path / "out").iterdir()] == [b"latin-\xe9"]


def test_symlinks_inside_the_tree_are_kept_also_when_they_dangle(tmp_path: Path) -> None:
    package = make_zip(
        tmp_path / "p.zip",
        folder("a/b"),
        link("a/b/up", "../../app.py"),
        link("later", "python/of/another/layer.py"),
        link("here", "."),
        link("a/via", "../here/a/b/../.."),
    )

    assert {m.name: m.linkname for m in members(load(tmp_path / "s", package)) if m.issym()} == {
        "a/b/up": "../../app.py",
        "a/via": "../here/a/b/../..",
        "here": ".",
        "later": "python/of/another/layer.py",
    }


def test_an_absolute_symlink_under_the_own_root_becomes_relative(tmp_path: Path) -> None:
    package = make_zip(
        tmp_path / "p.zip",
        file("lib/x.so.1"),
        link("lib/a/b", "/opt/lib/x.so.1"),
        link("top", "/opt//./lib"),
        link("root", "/opt"),
        link("lib/root", "/opt/"),
    )

    loaded = load(tmp_path / "store", package, root_dir="/opt")

    assert {m.name: m.linkname for m in members(loaded) if m.issym()} == {
        "lib/a/b": "../../lib/x.so.1",
        "lib/root": "..",
        "root": ".",
        "top": "lib",
    }


def test_an_executable_runs_through_its_symlink_after_unpacking(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "store")
    artifact = store.load(make_zip(tmp_path / "p.zip", *APP), label="p", root_dir="/var/task")

    store.unpack(artifact, tmp_path / "task")

    run = tmp_path / "task" / "run"
    assert run.is_symlink()
    assert subprocess.check_output([str(run)], text=True) == "tool ran\n"


def test_content_is_streamed_not_held(tmp_path: Path) -> None:
    content = os.urandom(MB)
    package = tmp_path / "p.zip"
    with zipfile.ZipFile(package, "w") as archive, archive.open("model.bin", "w") as model:
        for _ in range(40):
            model.write(content)

    tracemalloc.start()
    try:
        artifact = load(tmp_path / "store", package)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert artifact.size_bytes == 40 * MB
    assert peak_bytes < 8 * MB


def test_an_empty_package_is_an_empty_tar(tmp_path: Path) -> None:
    from_zip = load(tmp_path / "store", make_zip(tmp_path / "p.zip"))
    from_folder = load(tmp_path / "store", make_folder(tmp_path / "p"))

    assert from_zip.digest == from_folder.digest
    assert members(from_zip) == []
    assert from_zip.size_bytes == 0


# --- the store ------------------------------------------------------------------------------


def test_the_store_is_open_to_its_owner_alone(tmp_path: Path) -> None:
    artifact = load(tmp_path / "deep" / "store", make_zip(tmp_path / "p.zip", *APP))

    store = tmp_path / "deep" / "store"
    for place in (store, store / "artifacts", store / "index"):
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert stat.S_IMODE(artifact.tar.stat().st_mode) == 0o600


def test_a_store_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(
        SourceError, match=r"the artefact store .*store could not be created: .*Choose a"
    ):
        ArtifactStore(tmp_path / "file" / "store")


def test_a_store_that_vanished_is_an_error_not_a_traceback(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "store")
    (tmp_path / "store" / "artifacts").rmdir()

    with pytest.raises(SourceError, match=r"p cannot be read into the artefact store: .*Check"):
        store.load(make_zip(tmp_path / "p.zip", *APP), label="p", root_dir="/opt")


class Sources:
    """One package, loaded again and again by a store to whose clock it is old."""

    def __init__(self, tmp_path: Path, package: Path) -> None:
        self.package = package
        self.store = ArtifactStore(tmp_path / "store", clock=later)
        self.index = tmp_path / "store" / "index"

    def load(self, store: ArtifactStore | None = None) -> Artifact:
        return (store or self.store).load(self.package, label="p", root_dir="/opt")

    def poison(self, artifact: Artifact) -> bytes:
        """Other bytes of the same length in the stored tar: they stay unless it is rebuilt."""
        content = bytes(len(artifact.tar.read_bytes()))
        artifact.tar.write_bytes(content)
        return content


@pytest.fixture(params=["zip", "folder"])
def sources(request: pytest.FixtureRequest, tmp_path: Path) -> Sources:
    if request.param == "zip":
        return Sources(tmp_path, make_zip(tmp_path / "p.zip", *APP))
    return Sources(tmp_path, make_folder(tmp_path / "p", *APP))


def test_an_unchanged_source_is_not_read_again(sources: Sources) -> None:
    first = sources.load()
    poison = sources.poison(first)

    second = sources.load()

    assert second == first
    assert second.tar.read_bytes() == poison


def test_without_the_cache_it_is_read_again(sources: Sources, tmp_path: Path) -> None:
    first = sources.load()
    good = first.tar.read_bytes()
    sources.poison(first)

    second = sources.load(ArtifactStore(tmp_path / "store", use_cache=False))

    assert second == first
    assert second.tar.read_bytes() == good


@pytest.mark.parametrize("damage", ["missing", "shorter"])
def test_a_stored_tar_that_is_gone_or_cut_is_made_again(sources: Sources, damage: str) -> None:
    first = sources.load()
    good = first.tar.read_bytes()
    if damage == "missing":
        first.tar.unlink()
    else:
        first.tar.write_bytes(good[:-512])

    assert sources.load().tar.read_bytes() == good


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'{"signature": 1}', b"\xff", b'{"digest": "../../etc/passwd"}'],
    ids=repr,
)
def test_an_index_that_cannot_be_understood_is_made_again(sources: Sources, content: bytes) -> None:
    first = sources.load()
    good = first.tar.read_bytes()
    (entry,) = sources.index.iterdir()
    entry.write_bytes(content)
    sources.poison(first)

    assert sources.load().tar.read_bytes() == good
    assert entry.read_bytes() != content


def test_an_index_cannot_point_out_of_the_store(sources: Sources, tmp_path: Path) -> None:
    first = sources.load()
    (entry,) = sources.index.iterdir()
    outside = tmp_path / "evil.tar"
    outside.write_bytes(first.tar.read_bytes())
    entry.write_text(entry.read_text().replace(first.digest, "../../evil"))

    assert sources.load() == first


def test_a_changed_zip_is_read_again(tmp_path: Path) -> None:
    sources = Sources(tmp_path, make_zip(tmp_path / "p.zip", *APP))
    first = sources.load()

    make_zip(sources.package, *APP[:-1])

    assert "lib/deep/up" not in modes(sources.load())
    assert "lib/deep/up" in modes(first)


@pytest.mark.parametrize("change", ["content", "mode", "new", "gone", "renamed", "symlink"])
def test_a_changed_folder_is_read_again(tmp_path: Path, change: str) -> None:
    code = make_folder(tmp_path / "code", *APP)
    sources = Sources(tmp_path, code)
    first = sources.load()
    match change:
        case "content":
            (code / "lib/deep/er/data.json").write_text("[1]")
        case "mode":
            (code / "app.py").chmod(0o755)
        case "new":
            (code / "lib/deep/new").mkdir()
        case "gone":
            (code / "lib/deep/er/data.json").unlink()
        case "renamed":
            (code / "lib/deep/er").rename(code / "lib/deep/is")
        case _:
            (code / "run").unlink()
            (code / "run").symlink_to("bin")

    assert sources.load().digest != first.digest


def test_other_content_under_the_same_size_time_and_inode_is_noticed(sources: Sources) -> None:
    """What ``cp -p`` and builds with a fixed SOURCE_DATE_EPOCH leave behind."""
    first = sources.load()
    if sources.package.is_dir():
        place, content = sources.package / "app.py", b"import bil\n"
    else:
        changed = [file("app.py", b"import bil\n"), *APP[1:]]
        place, content = sources.package, zip_bytes(*changed)
    before = place.stat()
    time.sleep(0.05)
    place.write_bytes(content)
    os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = place.stat()
    assert (after.st_size, after.st_mtime_ns, after.st_ino) == (
        before.st_size,
        before.st_mtime_ns,
        before.st_ino,
    )

    assert sources.load().digest != first.digest


@pytest.mark.parametrize(("age_s", "trusted"), [(0.0, False), (1.9, False), (2.1, True)])
def test_a_source_that_was_only_just_written_is_not_trusted(
    sources: Sources, tmp_path: Path, age_s: float, trusted: bool
) -> None:
    """Within the granularity of file times, a later change could look the same."""
    places = [p for p in (sources.package, *sources.package.rglob("*")) if not p.is_dir()]
    newest_ns = max(place.lstat().st_ctime_ns for place in places)
    store = ArtifactStore(tmp_path / "store", clock=lambda: newest_ns + int(age_s * 1e9))
    first = sources.load(store)
    poison = sources.poison(first)

    assert (sources.load(store).tar.read_bytes() == poison) is trusted


def test_the_same_zip_as_code_and_as_layer_is_kept_apart(tmp_path: Path) -> None:
    package = make_zip(tmp_path / "p.zip", file("x"), link("l", "/opt/x"))
    store = ArtifactStore(tmp_path / "store", clock=later)
    store.load(package, label="p", root_dir="/opt")

    with pytest.raises(SourceError, match="outside /var/task"):
        store.load(package, label="p", root_dir="/var/task")


def test_a_cached_artefact_has_the_label_of_its_new_user(tmp_path: Path) -> None:
    package = make_zip(tmp_path / "p.zip", *APP)
    store = ArtifactStore(tmp_path / "store", clock=later)

    labels = [store.load(package, label=name, root_dir="/opt").label for name in ("a", "b")]

    assert labels == ["a", "b"]


def test_a_relative_path_is_read_from_where_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_folder(tmp_path / "one", file("app.py", b"1"))
    make_folder(tmp_path / "two", file("app.py", b"2"))
    store = ArtifactStore(tmp_path / "store", clock=later)
    digests = []
    for here in ("one", "two"):
        monkeypatch.chdir(tmp_path / here)
        digests.append(store.load(Path(), label=here, root_dir="/opt").digest)

    assert digests[0] != digests[1]


# --- many at once ---------------------------------------------------------------------------

HAMMER = """
import sys
from pathlib import Path
from pytest_lambda_rollback.packages.artifacts import ArtifactStore
root, package = map(Path, sys.argv[1:])
sys.stdin.readline()
for turn in range(15):
    store = ArtifactStore(root, use_cache=turn % 2 == 0, clock=lambda: 1 << 62)
    artifact = store.load(package, label="p", root_dir="/opt")
    print(artifact.digest, artifact.tar.stat().st_size)
"""


def test_several_processes_may_fill_one_store(tmp_path: Path) -> None:
    package = make_zip(
        tmp_path / "p.zip", *(file(f"m{n}.py", os.urandom(2000)) for n in range(150))
    )
    store = tmp_path / "store"
    command = [sys.executable, "-c", HAMMER, str(store), str(package)]
    workers = [
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(SOURCES)},
        )
        for _ in range(3)
    ]
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        outputs = list(pool.map(lambda worker: worker.communicate("\n", timeout=120)[0], workers))

    assert [worker.returncode for worker in workers] == [0, 0, 0]
    lines = [line for output in outputs for line in output.splitlines()]
    (tar,) = (store / "artifacts").iterdir()
    assert lines == [f"{tar.stem} {tar.stat().st_size}"] * 45
    assert hashlib.sha256(tar.read_bytes()).hexdigest() == tar.stem
    assert len(list((store / "index").iterdir())) == 1


def test_several_threads_may_use_one_store_object(tmp_path: Path) -> None:
    packages = [make_folder(tmp_path / str(n), *APP, file("n", b"%d" % n)) for n in range(4)]
    store = ArtifactStore(tmp_path / "store", clock=later)

    def digest(turn: int) -> tuple[int, str]:
        chosen = turn % 4
        return chosen, store.load(packages[chosen], label="p", root_dir="/opt").digest

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        found = set(pool.map(digest, range(64)))

    assert len(found) == 4
    assert sorted(everything_below(tmp_path / "store" / "artifacts")) == sorted(
        f"{digest}.tar" for _, digest in found
    )


# --- code and layers together ---------------------------------------------------------------


def part(label: str, size_bytes: int) -> Artifact:
    return Artifact(label=label, digest="0" * 64, size_bytes=size_bytes, tar=Path("x.tar"))


def test_code_and_layers_may_fill_the_limit_together() -> None:
    check_total([part("code", 100 * MB), part("layers/a", 150 * MB)])


def test_code_and_layers_over_the_limit_are_named_with_their_sizes() -> None:
    parts = [part("code", 100 * MB), part("layers/a", 150 * MB), part("layers/b.zip", 1)]

    with pytest.raises(SourceError) as caught:
        check_total(parts, of="orders:3")

    assert str(caught.value) == (
        "orders:3: code and layers together are 250.1 MB unzipped: Lambda allows 250 MB;"
        " code 100.0 MB, layers/a 150.0 MB, layers/b.zip 0.1 MB."
        " Remove what the function does not need, starting with the largest part."
    )
