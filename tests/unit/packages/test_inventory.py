"""What is read of a package: its distributions, binaries and files; and the cache of that."""

from __future__ import annotations

import json
import random
import shutil
import struct
import time
from dataclasses import replace
from pathlib import Path

import pytest

from helpers.made_packages import MACH_O, PE, Packages, distribution, elf, zip_of
from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.model.packages import DistributionRecord, PackageInventory
from pytest_lambda_rollback.model.versions import Artifact
from pytest_lambda_rollback.packages import cached_values
from pytest_lambda_rollback.packages.elf import read_header
from pytest_lambda_rollback.packages.inventory import InventoryReader

LINUX_311 = "cpython-311-x86_64-linux-gnu"
FAST = "from ._fast import go"


@pytest.fixture
def packages(tmp_path: Path) -> Packages:
    return Packages(tmp_path)


def read(artifact: Artifact) -> PackageInventory:
    return InventoryReader(None).read(artifact, role="layer")


def only(inventory: PackageInventory) -> DistributionRecord:
    (record,) = inventory.distributions
    return record


def test_a_dist_info_is_read_whole(packages: Packages) -> None:
    files = distribution(
        "Acme.Shared", "1.4.0",
        at="python",
        requires=["requests (>=2)", 'rich>=13; extra == "cli"'],
        extras=["cli"],
        requires_python=">=3.8",
        tags=["py2.py3-none-any"],
        files={"acme_shared/__init__.py": "", "acme_shared/a.py": "", "acme_more.py": ""},
    )  # fmt: skip
    assert only(read(packages.artifact(files))) == DistributionRecord(
        key="acme-shared",
        name="Acme.Shared",
        version="1.4.0",
        root="python",
        metadata="python/acme_shared-1.4.0.dist-info",
        requires=("requests (>=2)", 'rich>=13; extra == "cli"'),
        requires_python=">=3.8",
        extras=("cli",),
        tags=("py2-none-any", "py3-none-any"),
        modules=("acme_more", "acme_shared"),
    )


def test_an_egg_info_folder_gives_requirements_with_their_extras(packages: Packages) -> None:
    files = {
        "python/old-1.0-py3.11.egg-info/PKG-INFO": "Metadata-Version: 1.1\nName: old\n"
        "Version: 1.0\n",
        "python/old-1.0-py3.11.egg-info/requires.txt": "six>=1.9\n\n[test]\npytest\n",
        "python/old-1.0-py3.11.egg-info/top_level.txt": "old\n",
        "python/old-1.0-py3.11.egg-info/installed-files.txt": "../old/__init__.py\nPKG-INFO\n",
        "python/old/__init__.py": "",
    }
    record = only(read(packages.artifact(files)))
    assert (record.key, record.version, record.modules) == ("old", "1.0", ("old",))
    assert record.requires == ("six>=1.9", 'pytest; extra == "test"')


def test_an_egg_info_file_and_an_egg_folder_are_distributions(packages: Packages) -> None:
    files = {
        "older-0.9.egg-info": "Metadata-Version: 1.0\nName: older\nVersion: 0.9\n",
        "older.py": "",
        "eggs/yolk-2.0-py3.11.egg/EGG-INFO/PKG-INFO": "Name: yolk\nVersion: 2.0\n",
        "eggs/yolk-2.0-py3.11.egg/yolk.py": "",
    }
    found = {each.key: each for each in read(packages.artifact(files)).distributions}
    assert (found["older"].root, found["older"].modules) == ("", ("older",))
    assert (found["yolk"].root, found["yolk"].modules) == ("eggs/yolk-2.0-py3.11.egg", ("yolk",))


@pytest.mark.parametrize("suffix", ["whl", "zip", "egg"])
def test_distributions_in_zips_are_found_one_zip_deep(packages: Packages, suffix: str) -> None:
    inner = zip_of(distribution("deep", "1.0"))
    archive = zip_of({**distribution("inner", "3.1"), "deep.whl": inner})
    record = only(read(packages.artifact({f"vendor/inner.{suffix}": archive})))
    assert (record.key, record.version, record.zipped) == ("inner", "3.1", True)
    assert (record.root, record.modules) == (f"vendor/inner.{suffix}", ("inner",))


def test_what_is_no_zip_is_noted_and_not_dropped_in_silence(packages: Packages) -> None:
    inventory = read(packages.artifact({"broken.whl": b"PK\x03\x04 no zip"}))
    assert inventory.distributions == ()
    assert [note.partition(" (")[0] for note in inventory.notes] == [
        "broken.whl cannot be read as a zip"
    ]


def test_damaged_metadata_does_not_end_the_reading(packages: Packages) -> None:
    files = {
        "a-1.dist-info/METADATA": b"\xff\xfe\0garbage",
        "b-2.dist-info/METADATA": b"",
        "c-3.dist-info/METADATA": "Name: c\nVersion: not a version!\nRequires-Dist: ???\n",
        "c-3.dist-info/RECORD": b'"unclosed,\n\0\n',
        "-.dist-info/METADATA": "",
        "d-4.dist-info/METADATA": "Name: d\nVersion: 4\n",
        "d-4.dist-info/WHEEL": "Tag: nonsense\n",
    }
    inventory = read(packages.artifact(files))
    assert [(each.name, each.version) for each in inventory.distributions] == [
        ("a", "1"), ("b", "2"), ("c", "not a version!"), ("d", "4"),
    ]  # fmt: skip
    assert inventory.notes == ("-.dist-info has no name",)


def test_modules_come_from_record_then_top_level_then_the_name(packages: Packages) -> None:
    with_top_level = distribution("PyThing", "1", record=False, files={"thing/__init__.py": ""})
    with_top_level["pything-1.dist-info/top_level.txt"] = "thing\n"
    by_name = distribution("by-name", "1", record=False)
    found = read(packages.artifact({**with_top_level, **by_name})).distributions
    assert [each.modules for each in found] == [("by_name",), ("thing",)]


def test_namespace_packages_are_told_apart_by_what_is_below_them(packages: Packages) -> None:
    files = {"google/cloud/storage/__init__.py": "", "google/cloud/storage/blob.py": ""}
    record = only(read(packages.artifact(distribution("gcs", "1", at="python", files=files))))
    assert record.modules == ("google/cloud/storage",)


def test_metadata_without_its_files_is_hollow_and_metapackages_are_not(packages: Packages) -> None:
    gone = distribution("gone", "1")
    del gone["gone/__init__.py"]
    meta = distribution("meta", "1", files={})
    found = read(packages.artifact({**gone, **meta})).distributions
    assert {each.key: each.hollow for each in found} == {"gone": True, "meta": False}


def test_what_a_package_vendors_is_marked(packages: Packages) -> None:
    outer = distribution("setuptools", "70.0")
    inner = distribution("zipp", "3.0", at="setuptools/_vendor")
    found = read(packages.artifact({**outer, **inner})).distributions
    assert {each.key: each.vendored for each in found} == {"setuptools": False, "zipp": True}


@pytest.mark.parametrize(
    ("name", "content", "format_", "machine", "tag"),
    [
        (f"m.{LINUX_311}.so", elf(), "elf", "x86_64", LINUX_311),
        ("m.abi3.so", elf("aarch64"), "elf", "aarch64", "abi3"),
        ("m.so", elf(), "elf", "x86_64", ""),
        ("libm.so.6", elf(), "elf", "x86_64", ""),
        ("m.cp311-win_amd64.pyd", PE, "pe", "", "cp311-win_amd64"),
        ("m.cpython-311-darwin.so", MACH_O, "mach-o", "", "cpython-311-darwin"),
        ("m.so", b"INPUT(libm.so.6)", "", "", ""),
        ("m.so", b"\x7fELF", "elf", "", ""),
    ],
)  # fmt: skip
def test_native_binaries(
    packages: Packages, name: str, content: bytes, format_: str, machine: str, tag: str
) -> None:
    files = distribution("m", "1", at="python", files={f"m/{name}": content})
    (native,) = read(packages.artifact(files)).natives
    assert (native.path, native.distribution) == (f"python/m/{name}", "m")
    assert (native.format, native.machine, native.tag) == (format_, machine, tag)


@pytest.mark.parametrize(
    ("needed", "weak", "newest"),
    [
        (["2.2.5", "2.28", "2.17"], [], "2.28"),
        (["2.2.5", "2.17"], ["2.34"], "2.17"),
        (["2.17", "ABI_DT_RELR"], [], "2.36"),
        (["PRIVATE"], [], ""),
    ],
)
def test_the_newest_glibc_that_a_binary_needs(
    packages: Packages, needed: list[str], weak: list[str], newest: str
) -> None:
    content = elf(glibc=needed, weak=weak)
    (native,) = read(packages.artifact({"m.so": content})).natives
    assert native.glibc == newest


@pytest.mark.parametrize("cut", [5, 40, 63, 64, 100, 200, 260])
def test_a_binary_that_is_cut_short_says_less_and_fails_nothing(
    packages: Packages, cut: int
) -> None:
    (native,) = read(packages.artifact({"m.so": elf(glibc=["2.28"])[:cut]})).natives
    assert native.glibc == ""


def test_a_binary_of_any_bytes_says_something_and_reads_little() -> None:
    chance = random.Random(7)
    whole = elf(glibc=["2.2.5", "2.28", "2.17"])
    read_bytes, said = 0, set()

    def read_at(offset: int, limit: int) -> bytes:
        nonlocal read_bytes
        read_bytes += limit
        return bytes(content[offset : offset + limit])

    for _ in range(120):
        content = bytearray(whole)
        for _ in range(chance.choice((1, 2, 8))):
            at = chance.randrange(4, len(content))
            content[at] = chance.choice((0, 1, 0x7F, 0xFF, chance.randrange(256)))
        read_bytes = 0
        header = read_header(read_at, size_bytes=len(content))
        assert header.format == "elf"
        assert read_bytes < 50_000 * 64
        said.add(header.glibc)
    assert {"", "2.28"} <= said


def test_version_needs_without_end_are_not_followed() -> None:
    """A record that names itself as the next one, four thousand million times."""
    content = bytearray(elf(glibc=["2.28", "2.17"]))
    needs_at = 64
    content[needs_at + 12 : needs_at + 16] = struct.pack("<I", 0)
    sections_at = struct.unpack_from("<Q", content, 40)[0]
    content[sections_at + 128 + 44 : sections_at + 128 + 48] = b"\xff\xff\xff\xff"
    began = time.process_time()
    header = read_header(
        lambda offset, limit: bytes(content[offset : offset + limit]), size_bytes=len(content)
    )
    assert (header.machine, header.glibc) == ("x86_64", "")
    assert time.process_time() - began < 10


def attempt(statement: str, catching: str = "ImportError") -> str:
    return f"try:\n    {statement}\nexcept {catching}:\n    pass\n"


@pytest.mark.parametrize(
    ("sources", "optional"),
    [
        ({"__init__": attempt("from ._fast import go")}, True),
        ({"__init__": attempt("from . import _fast", "(ValueError, ImportError)")}, True),
        ({"__init__": attempt("from ._fast import go", "ValueError")}, False),
        ({"__init__": "from ._fast import go\n"}, False),
        ({"__init__": attempt("import p._fast"), "b": "import p._fast\n"}, False),
        ({"__init__": attempt("from .c import x"), "c": "from ._fast import x\n"}, True),
        ({"__init__": "from .c import x\n", "c": "from ._fast import x\n"}, False),
        ({"__init__": f"if fast:\n    {FAST}\nelse:\n    import slow\n", "b": attempt(FAST)}, True),
        ({"__init__": f"if fast:\n    {FAST}\nelse:\n    import slow\n"}, False),
        ({"__init__": f"if TYPE_CHECKING:\n    {FAST}\n", "b": attempt(FAST)}, True),
        ({"__init__": ""}, False),
        ({"__init__": "try:\n    import _fast except ImportError"}, False),
    ],
)
def test_whether_a_package_can_do_without_a_native_module(
    packages: Packages, sources: dict[str, str], optional: bool
) -> None:
    files = {f"p/{name}.py": text for name, text in sources.items()}
    (native,) = read(packages.artifact({**files, "p/_fast.abi3.so": elf()})).natives
    assert native.optional is optional


@pytest.mark.parametrize(
    ("name", "source", "optional"),
    [
        ("_testcapi", attempt(FAST), True),
        ("engine", attempt(FAST), False),
        ("_testcapi", FAST, False),
        ("_testcapi", f"{attempt(FAST)}from . import _testcapi\n", False),
    ],
)
def test_a_private_native_module_that_nothing_imports(
    packages: Packages, name: str, source: str, optional: bool
) -> None:
    files = {"p/__init__.py": source, "p/_fast.so": elf(), f"p/{name}.so": elf()}
    natives = {each.path: each.optional for each in read(packages.artifact(files)).natives}
    assert natives[f"p/{name}.so"] is optional


def test_files_path_lines_and_node_packages(packages: Packages) -> None:
    files = {
        "python/a.py": "",
        "python/b.pyc": b"",
        "python/a/__pycache__/x.pyc": b"",
        "python/data.json": "{}",
        "python/more.pth": "# comment\nimport sys\n\nvendor\n/opt/eggs/x.egg\n",
        "nodejs/node_modules/left/package.json": json.dumps({"name": "left", "version": "1.0"}),
        "nodejs/node_modules/@s/right/package.json": json.dumps({"name": "@s/right"}),
        "nodejs/node_modules/left/node_modules/in/package.json": json.dumps({"name": "in"}),
        "nodejs/node_modules/bad/package.json": "[",
    }
    inventory = read(packages.artifact(files))
    assert inventory.files == ("python/a.py", "python/b.pyc")
    assert inventory.path_lines == (("python", "vendor"), ("python", "/opt/eggs/x.egg"))
    assert [(each.name, each.version) for each in inventory.node] == [
        ("@s/right", ""), ("left", "1.0"),
    ]  # fmt: skip


def test_a_symlinked_folder_is_read_under_both_names(packages: Packages, tmp_path: Path) -> None:
    folder = tmp_path / "linked"
    packages_folder = folder / "python" / "lib" / "python3.11"
    packages_folder.mkdir(parents=True)
    (packages_folder / "site-packages").symlink_to("../..", target_is_directory=True)
    (folder / "python" / "six.py").write_text("")
    inventory = read(packages.load(folder))
    assert "python/lib/python3.11/site-packages/six.py" in inventory.files
    assert "python/six.py" in inventory.files


def test_names_longer_than_a_tar_header_takes(packages: Packages) -> None:
    name = "/".join(["python", *["package_with_a_long_name"] * 8, "module.py"])
    assert read(packages.artifact({name: "x = 1\n"})).files == (name,)


def test_an_unchanged_package_is_not_read_again(packages: Packages, tmp_path: Path) -> None:
    files = {**distribution("acme", "1.0", requires=["six"]), "x.abi3.so": elf(), "a.pth": "v\n"}
    artifact = packages.artifact(files)
    reader = InventoryReader(tmp_path / "inventories")
    first = reader.read(artifact, role="code")
    artifact.tar.unlink()
    assert reader.read(artifact, role="code") == first
    with pytest.raises(SourceError, match="cannot be read from the artefact store"):
        reader.read(artifact, role="layer")


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"\x80", b"\x90", b"\xc0", b"\x81\xa6digest\x01", b"\x81\xa1\xff\xc0"]
)
def test_a_damaged_cache_entry_is_read_anew(
    packages: Packages, tmp_path: Path, content: bytes
) -> None:
    artifact = packages.artifact(distribution("acme", "1.0"))
    cache = tmp_path / "inventories"
    expected = InventoryReader(cache).read(artifact, role="code")
    (entry,) = cache.iterdir()
    entry.write_bytes(content)
    assert InventoryReader(cache).read(artifact, role="code") == expected
    (again,) = cache.iterdir()
    assert cached_values.load(PackageInventory, again) == expected


def test_an_entry_under_the_wrong_name_is_not_believed(packages: Packages, tmp_path: Path) -> None:
    one, other = (packages.artifact(distribution(name, "1.0")) for name in ("one", "other"))
    cache = tmp_path / "inventories"
    reader = InventoryReader(cache)
    reader.read(one, role="code")
    (entry,) = cache.iterdir()
    shutil.copy(entry, cache / entry.name.replace(one.digest, other.digest))
    assert only(reader.read(other, role="code")).key == "other"


def test_a_cache_that_cannot_be_written_costs_time_alone(
    packages: Packages, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    reader = InventoryReader(tmp_path / "file" / "cache")
    assert only(reader.read(packages.artifact(distribution("a", "1")), role="code")).key == "a"


@pytest.mark.parametrize(
    "content", [b"", b"\x01" * 2048, b"x" * 100, bytes(100)], ids=["empty", "other", "cut", "zeros"]
)
def test_a_damaged_tar_is_named_with_what_to_do(
    packages: Packages, tmp_path: Path, content: bytes
) -> None:
    artifact = packages.artifact({"a.py": ""})
    tar = tmp_path / "damaged.tar"
    tar.write_bytes(content)
    with pytest.raises(SourceError) as caught:
        read(replace(artifact, tar=tar))
    assert caught.value.what == f"{artifact.label} cannot be read from the artefact store"
    assert caught.value.do == f"Delete {tar} and run again"
