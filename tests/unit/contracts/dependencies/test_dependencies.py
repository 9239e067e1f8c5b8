"""The dependencies contract on small packages: what breaks, and above all what does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from helpers.made_packages import MACH_O, PE, Files, Packages, distribution, elf, zip_of
from helpers.made_versions import changed
from helpers.subjects import said, worded
from pytest_lambda_rollback.contracts.dependencies.contract import judge
from pytest_lambda_rollback.model.causes import Cause
from pytest_lambda_rollback.model.findings import Judgement, Verdict
from pytest_lambda_rollback.model.packages import VersionView
from pytest_lambda_rollback.model.settings import Strategy

SITE_311 = "python/lib/python3.11/site-packages"
LINUX_311 = "cpython-311-x86_64-linux-gnu"


@pytest.fixture
def make(tmp_path: Path) -> Packages:
    return Packages(tmp_path)


def judged(
    target: VersionView, current: VersionView, *requires: str, strategy: Strategy | None = None
) -> Judgement:
    return worded(judge(target, current, requires=requires, strategy=strategy))


def kinds(judgement: Judgement) -> list[tuple[str, str | None]]:
    assert judgement.reason is None
    return [
        (each.kind, each.cause.distribution if each.cause else None) for each in judgement.findings
    ]


def warned(judgement: Judgement) -> list[str]:
    return [each.kind for each in judgement.warnings]


def native(name: str, content: bytes | str = b"", **files: str | bytes) -> dict[str, str | bytes]:
    return {"fast/__init__.py": "", f"fast/{name}": content or elf(), **files}


# --- what the configuration requires --------------------------------------------------------


def test_a_requirement_that_a_layer_misses_is_said_with_layer_and_versions(make: Packages) -> None:
    old = make.layer("acme-shared", distribution("Acme_Shared", "1.4.0", at="python"))
    new = make.layer("acme-shared", distribution("Acme_Shared", "2.1.0", at="python"), version="2")
    judgement = judged(
        make.version("2", layers=[old]),
        make.version("4", layers=[new]),
        "acme-shared>=2,<3",
        strategy=Strategy.ALIAS,
    )
    (finding,) = judgement.findings
    assert finding.kind == "requirement-missed"
    assert said(finding) == (
        "orders:2 by alias needs acme-shared>=2,<3, but layer acme-shared 1 has Acme_Shared 1.4.0"
    )
    assert (finding.current, finding.target) == (
        "Acme_Shared 2.1.0 in layer acme-shared 2",
        "1.4.0",
    )
    assert finding.cause == Cause(
        layer="acme-shared",
        distribution="Acme_Shared",
        current_version="2.1.0",
        target_version="1.4.0",
    )
    assert judgement.verdict is Verdict.BREAKS


def test_a_requirement_that_nothing_meets_names_what_the_current_version_has(
    make: Packages,
) -> None:
    new = make.layer("acme-shared", distribution("acme-shared", "2.1.0", at="python"), version="2")
    (finding,) = judged(make.version("2"), make.version("4", layers=[new]), "acme.shared").findings
    assert said(finding) == (
        "orders:2 needs acme.shared, but neither its code nor its layers have acme.shared"
    )
    assert finding.cause == Cause(
        layer="acme-shared", distribution="acme.shared", current_version="2.1.0"
    )


@pytest.mark.parametrize(
    ("version", "requirement", "missed"),
    [
        ("2.0.0rc1", "acme-shared>=1.9", False),
        ("2.0.0rc1", "acme-shared>=2", True),
        ("2.1.0+internal.5", "ACME.shared==2.1.0", False),
        ("1.4.0", 'acme-shared>=2; python_version < "3.11"', False),
        ("1.4.0", 'acme-shared>=2; python_version >= "3.11"', True),
        ("1.4.0", 'acme-shared>=2; sys_platform == "win32"', False),
        ("1.4.0", "acme-shared @ https://example.com/x.whl", False),
    ],
)
def test_requirements_are_met_as_pep_440_says(
    make: Packages, version: str, requirement: str, missed: bool
) -> None:
    target = make.version("2", distribution("acme-shared", version))
    assert bool(judged(target, make.version("4", distribution("acme-shared", "2")), requirement)
                .findings) is missed  # fmt: skip


def test_what_the_current_version_misses_too_is_a_warning_alone(make: Packages) -> None:
    target = make.version("2", distribution("acme", "1.0"))
    current = make.version("4", distribution("acme", "1.1"))
    judgement = judged(target, current, "acme>=2")
    assert (kinds(judgement), warned(judgement)) == ([], ["requirement-missed"])


@pytest.mark.parametrize(
    "requirement", ["boto3", "boto3>=1.34", "urllib3<2", "six", "python-dateutil>=9"]
)
def test_what_the_runtime_brings_is_there_at_a_version_unknown(
    make: Packages, requirement: str
) -> None:
    current = make.version("4", distribution("boto3", "1.35"), distribution("urllib3", "1.26"))
    judgement = judged(make.version("2"), current, requirement)
    assert kinds(judgement) == []


def test_a_boto3_that_a_layer_carries_is_judged(make: Packages) -> None:
    layer = make.layer("sdk", distribution("boto3", "1.20.0", at=SITE_311))
    assert kinds(judged(make.version("2", layers=[layer]), make.version("4"), "boto3>=1.34")) == [
        ("requirement-missed", "boto3")
    ]


def test_a_pythonpath_lets_the_runtime_go_before_layers_up_to_python_3_10(make: Packages) -> None:
    layer = make.layer("sdk", distribution("boto3", "1.20.0", at="python"))
    path = (("PYTHONPATH", "/opt/python"),)
    older, newer = (
        make.version("2", layers=[layer], runtime=runtime, environment=path)
        for runtime in ("python3.10", "python3.11")  # 3.11 has its libraries elsewhere
    )
    assert kinds(judged(older, make.version("4"), "boto3>=1.34")) == []
    assert kinds(judged(newer, make.version("4"), "boto3>=1.34")) == [
        ("requirement-missed", "boto3")
    ]


@pytest.mark.parametrize("text", ["acme >> 2", "acme>=", ""])
def test_a_requirement_that_cannot_be_read_makes_the_check_unknown(
    make: Packages, text: str
) -> None:
    judgement = judged(make.version("2"), make.version("4"), text)
    assert judgement.verdict is Verdict.UNKNOWN
    assert judgement.reason is not None
    assert repr(text) in judgement.reason


def test_requires_of_a_node_function_are_unknown_and_without_them_it_is_safe(
    make: Packages,
) -> None:
    target, current = (make.version(number, runtime="nodejs22.x") for number in "24")
    assert judged(target, current, "acme>=1").verdict is Verdict.UNKNOWN
    assert judged(target, current).verdict is Verdict.SAFE


def test_extras_in_requires_ask_for_what_they_stand_for(make: Packages) -> None:
    acme = distribution("acme", "1", requires=['redis>=5; extra == "cache"'], extras=["cache"])
    target = make.version("2", acme, distribution("redis", "4.0"))
    current = make.version("4", acme, distribution("redis", "5.0"))
    assert kinds(judged(target, current, "acme[cache]")) == [("dependency-conflict", "redis")]
    assert kinds(judged(target, current, "acme")) == []


# --- what distributions require -------------------------------------------------------------


def test_code_that_needs_what_the_current_layers_lack(make: Packages) -> None:
    code = distribution("requests", "2.31.0", requires=["certifi>=2017.4.17", "idna"])
    layer = make.layer("http", distribution("idna", "3.7", at="python"), version="3")
    judgement = judged(
        make.version("2", code, layers=[layer]),
        make.version("4", layers=[layer]),
        strategy=Strategy.REDEPLOY,
    )
    (finding,) = judgement.findings
    assert (finding.kind, finding.cause) == ("dependency-missing", Cause(distribution="certifi"))
    assert said(finding) == (
        "orders:2 by redeploy has requests 2.31.0 in its code, which needs certifi>=2017.4.17, "
        "but neither its code nor its layers have certifi"
    )


def test_a_contradiction_names_both_places_and_the_change(make: Packages) -> None:
    code = distribution("requests", "2.25.0", requires=["urllib3 (<1.27,>=1.21.1)"])
    old = make.layer("http", distribution("urllib3", "1.26.18", at="python"), version="1")
    new = make.layer("http", distribution("urllib3", "2.2.1", at="python"), version="2")
    current_code = distribution("requests", "2.31.0", requires=["urllib3<3,>=1.21.1"])
    current = make.version("4", current_code, layers=[new])
    assert kinds(judged(make.version("2", code, layers=[old]), current)) == []
    (finding,) = judged(make.version("2", code, layers=[new]), current).findings
    assert finding.kind == "dependency-conflict"
    assert said(finding) == (
        "orders:2 has requests 2.25.0 in its code, which needs urllib3 (<1.27,>=1.21.1), "
        "but layer http 2 has urllib3 2.2.1"
    )
    assert finding.cause == Cause(
        layer="http", distribution="urllib3", current_version="2.2.1", target_version="2.2.1"
    )


@pytest.mark.parametrize(
    "requirement",
    [
        'pytest>=7; extra == "dev"',
        "sphinx>=5 ; extra == 'docs'",
        'pywin32>=300; sys_platform == "win32"',
        'colorama; platform_system == "Windows"',
        'importlib-metadata; python_version < "3.8"',
        'async-timeout>=4; python_full_version < "3.11.3"',
        'tomli; python_full_version <= "3.11.0a6"',
        'cffi; platform_python_implementation == "PyPy"',
        'pyobjc; platform_machine == "arm64"',
        'newer-kernel; platform_release >= "6"',
        "types-python-dateutil>=2.8",
        "boto3-stubs",
        "boto3>=1.34",
        "UrlLib3<1.27",
        "not a requirement ???",
        "friend",
        "Friend.Of-Mine>=1",
    ],
)
def test_requirements_that_are_none_here(make: Packages, requirement: str) -> None:
    code = distribution("acme", "1.0", requires=[requirement], extras=["dev", "docs"])
    friends = [distribution("friend", "1"), distribution("friend_of-mine", "1.2")]
    judgement = judged(make.version("2", code, *friends), make.version("4"))
    assert kinds(judgement) == []


@pytest.mark.parametrize(
    ("requirement", "runtime", "architecture"),
    [
        ('needed; python_version < "3.12"', "python3.11", "x86_64"),
        ('needed; python_full_version < "3.12.0"', "python3.11", "x86_64"),
        ('needed; platform_machine == "aarch64"', "python3.13", "arm64"),
        ('needed; sys_platform == "linux" and os_name != "nt"', "python3.9", "x86_64"),
        ('needed; implementation_name == "cpython"', "python3.11", "x86_64"),
    ],
)
def test_markers_hold_for_the_target_and_not_for_this_host(
    make: Packages, requirement: str, runtime: str, architecture: str
) -> None:
    code = distribution("acme", "1.0", requires=[requirement])
    target = make.version("2", code, runtime=runtime, architecture=architecture)
    other = "arm64" if architecture == "x86_64" else "x86_64"
    assert kinds(judged(target, make.version("4"))) == [("dependency-missing", "needed")]
    if "platform_machine" in requirement:
        elsewhere = make.version("3", code, runtime=runtime, architecture=other)
        assert kinds(judged(elsewhere, make.version("4"))) == []


def test_extras_count_where_another_distribution_asks_for_them(make: Packages) -> None:
    pkg = distribution(
        "pkg", "1",
        requires=['colour; extra == "all"', 'pkg[more]; extra == "all"', 'deep; extra == "more"'],
        extras=["all", "more"],
    )  # fmt: skip
    asking = distribution("asking", "1", requires=["pkg[all]>=1"])
    current = make.version("4")
    assert kinds(judged(make.version("2", pkg), current)) == []
    assert kinds(judged(make.version("2", pkg, asking), current)) == [
        ("dependency-missing", "colour"),
        ("dependency-missing", "deep"),
    ]


def test_what_the_current_version_lacks_in_the_same_way_is_not_the_rollbacks(
    make: Packages,
) -> None:
    target = make.version("2", distribution("pandas", "1.5", requires=["pytz", "numpy<2"]))
    current = make.version("4", distribution("pandas", "2.2", requires=["numpy<3", "pytz>=2020"]))
    assert kinds(judged(target, current)) == []


def test_a_legacy_version_is_compared_with_nothing_and_fails_nothing(make: Packages) -> None:
    code = distribution("acme", "1", requires=["odd>=2"])
    target = make.version("2", code, distribution("odd", "2004d-unreleased?", record=False))
    judgement = judged(target, make.version("4"), "odd>=1")
    assert (kinds(judgement), warned(judgement)) == (
        [],
        ["requirement-missed", "dependency-conflict"],
    )


# --- packages that are there without saying so ----------------------------------------------


@pytest.mark.parametrize(
    "there",
    [
        {"python/yaml/__init__.py": ""},
        {"python/pyyaml.py": ""},
        {"vendor.zip": zip_of(distribution("PyYAML", "6.0"))},
        {"python/anything/__init__.py": ""},
        distribution("PyYAML", "6.0", at="vendored"),
        distribution("pyyaml-slim", "6.0", at="python"),
    ],
    ids=["similar", "same", "zip", "no-metadata-at-all", "folder", "variant"],
)
def test_what_may_be_there_without_metadata_is_not_called_missing(
    make: Packages, there: Files
) -> None:
    code = distribution("acme", "1", requires=["pyyaml"])
    target = make.version("2", code, layers=[make.layer("slim", there)])
    judgement = judged(target, make.version("4"), "pyyaml")
    assert kinds(judgement) == []
    assert set(warned(judgement)) == {"dependency-missing", "requirement-missed"}


def test_known_modules_tell_that_a_stripped_package_is_there_or_not(make: Packages) -> None:
    pillow = distribution("pillow", "10.0", at="python", files={"PIL/__init__.py": ""})
    current = make.version("4", layers=[make.layer("images", pillow)])
    code = distribution("acme", "1", requires=["pillow"])
    stripped = make.layer("s", {"python/PIL/__init__.py": ""}, distribution("o", "1", at="python"))
    without = make.layer("w", distribution("other", "1", at="python"))
    assert kinds(judged(make.version("2", code, layers=[stripped]), current)) == []
    assert kinds(judged(make.version("2", code, layers=[without]), current)) == [
        ("dependency-missing", "pillow")
    ]


def test_another_package_of_the_same_modules_stands_in(make: Packages) -> None:
    needs = distribution("orm", "1", requires=["psycopg2>=2.8"])
    binary = distribution("psycopg2-binary", "2.9", files={"psycopg2/__init__.py": ""})
    assert kinds(judged(make.version("2", needs, binary), make.version("4"))) == []


def test_what_another_package_vendors_for_itself_does_not_help(make: Packages) -> None:
    pip = distribution(
        "acmepip", "24", files={"acmepip/__init__.py": "", "acmepip/_vendor/rich/__init__.py": ""}
    )
    vendored = distribution("rich", "13", at="acmepip/_vendor", files={"rich/__init__.py": ""})
    current = make.version("4", distribution("rich", "13"))
    assert kinds(judged(make.version("2", pip, vendored), current, "rich")) == [
        ("requirement-missed", "rich")
    ]


def test_code_without_metadata_before_a_layer_makes_its_version_unknown(make: Packages) -> None:
    layer = make.layer("acme", distribution("acme", "1.0", at="python"))
    target = make.version("2", {"acme/__init__.py": ""}, layers=[layer])
    judgement = judged(target, make.version("4", distribution("acme", "2.0")), "acme>=2")
    assert (kinds(judgement), warned(judgement)) == ([], ["requirement-missed"])


def test_path_files_put_eggs_and_folders_on_the_search_path(make: Packages) -> None:
    egg = {
        "easy-install.pth": "./eggs/acme-1.0-py3.11.egg\nvendor\n",
        "eggs/acme-1.0-py3.11.egg/EGG-INFO/PKG-INFO": "Name: acme\nVersion: 1.0\n",
        "eggs/acme-1.0-py3.11.egg/acme.py": "",
    }
    target = make.version("2", egg, distribution("more", "1.0", at="vendor"))
    current = make.version("4", distribution("acme", "2.0"), distribution("more", "2.0"))
    assert kinds(judged(target, current, "acme>=2", "more>=2")) == [
        ("requirement-missed", "acme"),
        ("requirement-missed", "more"),
    ]


def test_metadata_left_behind_without_its_files_is_not_what_is_imported(make: Packages) -> None:
    gone = distribution("acme", "1.0", at="python")
    del gone["python/acme/__init__.py"]
    earlier = make.layer("a", distribution("acme", "2.0", at="python"))
    later = make.layer("b", gone)
    judgement = judged(make.version("2", layers=[earlier, later]), make.version("4"), "acme>=2")
    assert (kinds(judgement), warned(judgement)) == ([], [])


def test_leftover_metadata_of_an_upgrade_is_warned_of(make: Packages) -> None:
    both = {**distribution("acme", "1.0"), **distribution("acme", "2.0")}
    current = make.version("4", distribution("acme", "2.0"))
    judgement = judged(make.version("2", both), current, "acme>=2")
    assert (kinds(judgement), warned(judgement)) == ([], ["duplicate-metadata"])


# --- the same distribution twice ------------------------------------------------------------


def acme(version: str, *modules: str, at: str = "python") -> dict[str, str | bytes]:
    files = {f"acme/{name}": "" for name in ("__init__.py", *modules)}
    return distribution("acme", version, at=at, files=files)


def test_the_code_goes_before_site_packages_before_python_before_earlier_layers(
    make: Packages,
) -> None:
    plain = make.layer("plain", acme("1.0"))
    later = make.layer("later", acme("2.0"))
    site = make.layer("site", acme("3.0", at=SITE_311))
    current = make.version("4", acme("9.0", at=""))

    def seen(code: Files, *layers: int) -> str | None:
        views = [(plain, later, site)[index] for index in layers]
        (finding,) = judged(make.version("2", code, layers=views), current, "acme>=9").findings
        assert finding.cause is not None
        return finding.cause.target_version

    assert seen({"app.py": ""}, 0, 1) == "2.0"
    assert seen({"app.py": ""}, 1, 0) == "1.0"
    assert seen({"app.py": ""}, 2, 1) == "3.0"
    assert seen(acme("4.0", at=""), 2, 1) == "4.0"


def test_the_modules_of_an_older_major_leak_through_a_later_layer(make: Packages) -> None:
    earlier = make.layer("base", acme("1.4.0", "legacy.py", "api.py"))
    later = make.layer("acme-shared", acme("2.0.0", "api.py"), version="2")
    target = make.version("2", layers=[earlier, later])
    (finding,) = judged(target, make.version("4", layers=[later])).findings
    assert finding.kind == "mixed-distribution"
    assert said(finding) == (
        "orders:2 mixes acme 2.0.0 of layer acme-shared 2 with 1.4.0 of layer base 1: "
        "acme.legacy of layer base 1 leaks through"
    )
    assert kinds(judged(target, make.version("4", layers=[earlier, later]))) == []


@pytest.mark.parametrize(
    ("earlier", "later", "expected"),
    [
        (acme("1.4.0", "legacy.py"), acme("1.5.0"), []),
        (acme("2023.7.22", "legacy.py"), acme("2024.2.2"), []),
        (acme("1.4.0", "api.py"), acme("2.0.0", "api.py", "new.py"), []),
        (acme("2.0.0", "legacy.py"), acme("2.0.0"), []),
        (acme("0.3", "legacy.py"), acme("0.4"), [("mixed-distribution", "acme")]),
        (acme("1.4.0", "api/__init__.py"), acme("1.5.0", "api.py"),
         [("mixed-distribution", "acme")]),
        (acme("1.4.0", "api.py"), acme("1.5.0", "api/__init__.py"), []),
        (acme("1.4.0", "api.py"), acme("1.5.0", "api.pyc"), [("mixed-distribution", "acme")]),
    ],
    ids=["minor", "calendar", "overwritten", "same", "zero-minor", "package-wins",
         "module-loses", "source-wins"],
)  # fmt: skip
def test_a_mix_is_a_break_where_the_wrong_file_is_imported_or_majors_meet(
    make: Packages, earlier: Files, later: Files, expected: list[tuple[str, str]]
) -> None:
    layers = [make.layer("earlier", earlier), make.layer("later", later)]
    assert kinds(judged(make.version("2", layers=layers), make.version("4"))) == expected


def test_a_layer_hidden_behind_the_code_is_a_warning(make: Packages) -> None:
    target = make.version("2", acme("2.0", at=""), layers=[make.layer("l", acme("1.0", "old.py"))])
    judgement = judged(target, make.version("4"))
    assert (kinds(judgement), warned(judgement)) == ([], ["shadowed"])
    assert said(judgement.warnings[0]) == (
        "orders:2 has acme twice: 2.0 of its code is imported, and 1.0 of layer l 1 is hidden "
        "behind it"
    )


def test_what_wins_is_what_requirements_are_held_against(make: Packages) -> None:
    layers = [
        make.layer("a", distribution("needs", "1", at="python", requires=["acme<2"])),
        make.layer("b", acme("1.9")),
        make.layer("c", acme("2.0")),
    ]
    target = make.version("2", layers=layers)
    assert kinds(judged(target, make.version("4"))) == [("dependency-conflict", "acme")]


# --- what the runtime cannot load -----------------------------------------------------------


def fast(files: Files, *tags: str, record: bool = True, at: str = "") -> dict[str, str | bytes]:
    return distribution("fast", "1.2", tags=tags or ("py3-none-any",), files=files, record=record,
                        at=at)  # fmt: skip


@pytest.mark.parametrize(
    ("files", "kind", "built_for"),
    [
        (native("_x.cpython-39-x86_64-linux-gnu.so"), "wrong-python", "Python 3.9"),
        (native("_x.cpython-313t-x86_64-linux-gnu.so"), "wrong-python",
         "free-threaded Python 3.13"),
        (native(f"_x.{LINUX_311}.so", elf("aarch64")), "wrong-architecture", "aarch64"),
        (native("_x.cpython-311-aarch64-linux-gnu.so", elf("aarch64")), "wrong-architecture",
         "aarch64"),
        (native("_x.abi3.so", elf("aarch64")), "wrong-architecture", "aarch64"),
        (native("_x.cpython-311-darwin.so", MACH_O), "wrong-platform", "macOS"),
        (native("_x.abi3.so", MACH_O), "wrong-platform", "macOS"),
        (native("_x.cp311-win_amd64.pyd", PE), "wrong-platform", "Windows"),
        (native("_x.cpython-311-x86_64-linux-musl.so"), "wrong-platform",
         "musl (Alpine) Linux"),
    ],
)  # fmt: skip
def test_native_modules_that_do_not_fit(
    make: Packages, files: Files, kind: str, built_for: str
) -> None:
    target = make.version("2", fast(files, "cp39-cp39-some_platform"))
    (finding,) = judged(target, make.version("4")).findings
    (path,) = (name for name in files if name != "fast/__init__.py")
    assert finding.kind == kind
    assert said(finding) == (
        "orders:2 cannot load fast 1.2 in its code on python3.11 (x86_64): it is built for "
        f"{built_for} ({path})"
    )
    assert finding.cause == Cause(distribution="fast", target_version="1.2")


@pytest.mark.parametrize(
    "files",
    [
        native(f"_x.{LINUX_311}.so"),
        native("_x.abi3.so"),
        native("_x.so"),
        native("_x.cpython-39-x86_64-linux-gnu.so", **{f"fast/_x.{LINUX_311}.so": elf()}),
        native("_x.cpython-39-x86_64-linux-gnu.so", **{"fast/_x.abi3.so": elf()}),
        native("_x.cpython-39-x86_64-linux-gnu.so", **{"fast/_x.py": ""}),
        native("libx.so", elf("aarch64"), **{"fast/libx_amd64.so": elf()}),
        native("libx.dylib", MACH_O, **{"fast/x.dll": PE}),
        native("_x.so", b"GROUP ( libx.so.1 )"),
        native("_x.cp311-win_amd64.pyd", PE, **{f"fast/_x.{LINUX_311}.so": elf()}),
    ],
    ids=["own", "abi3", "untagged", "other-beside", "abi3-beside", "python-beside",
         "all-machines", "not-modules", "script", "all-platforms"],
)  # fmt: skip
def test_native_modules_that_fit_or_are_not_needed(make: Packages, files: Files) -> None:
    target = make.version("2", fast(files, "cp311-cp311-manylinux_2_17_x86_64"))
    judgement = judged(target, make.version("4"))
    assert (kinds(judgement), warned(judgement)) == ([], [])


def test_a_speed_up_that_a_package_can_do_without_is_a_warning(make: Packages) -> None:
    guarded = "try:\n    from ._x import y\nexcept ImportError:\n    y = None\n"
    files = {"fast/__init__.py": guarded, "fast/_x.cpython-39-x86_64-linux-gnu.so": elf()}
    judgement = judged(make.version("2", fast(files)), make.version("4"))
    assert (kinds(judgement), warned(judgement)) == ([], ["wrong-python"])


def test_libraries_of_a_pure_wheel_for_all_platforms_are_no_break(make: Packages) -> None:
    files = native("libx.so", elf("aarch64"))
    assert kinds(judged(make.version("2", fast(files)), make.version("4"))) == []


def test_native_modules_that_the_current_version_has_too_are_not_the_rollbacks(
    make: Packages,
) -> None:
    layer = make.layer("f", fast(native("_x.cpython-39-x86_64-linux-gnu.so"), at="python"))
    judgement = judged(make.version("2", layers=[layer]), make.version("4", layers=[layer]))
    assert (kinds(judgement), warned(judgement)) == ([], [])


def test_a_runtime_that_moved_on_breaks_what_was_built_for_the_old_one(make: Packages) -> None:
    code = fast(native("_x.cpython-39-x86_64-linux-gnu.so"), "cp39-cp39-manylinux_2_17_x86_64")
    published = make.version("2", code, runtime="python3.9")
    current = make.version("4", runtime="python3.11")
    assert kinds(judged(published, current)) == []
    redeployed = replace(published, version=changed(published.version, runtime="python3.11"))
    assert kinds(judged(redeployed, current)) == [("wrong-python", "fast")]


def test_hidden_native_modules_do_not_matter(make: Packages) -> None:
    layer = make.layer("f", fast(native("_x.cpython-39-x86_64-linux-gnu.so"), at="python"))
    target = make.version("2", fast(native("_x.abi3.so")), layers=[layer])
    assert kinds(judged(target, make.version("4"))) == []


NEWER = elf(glibc=["2.17", "2.34"])


@pytest.mark.parametrize(
    ("files", "tags", "expected", "warnings"),
    [
        (native(f"_x.{LINUX_311}.so", NEWER), (), ["glibc-too-new"], []),
        (native("_x.abi3.so", NEWER), ("cp39-abi3-manylinux_2_34_x86_64",),
         ["glibc-too-new"], []),
        (native("_x.so", NEWER), ("cp311-cp311-manylinux_2_34_x86_64",), ["glibc-too-new"], []),
        (native(f"_x.{LINUX_311}.so", NEWER, **{"fast/_x.py": ""}), (), ["glibc-too-new"], []),
        (native(f"_x.{LINUX_311}.so", elf(glibc=["2.26"])), (), [], []),
        (native(f"_x.{LINUX_311}.so", elf(glibc=["2.17"], weak=["2.34"])), (), [], []),
        (native("libx.so", NEWER), (), [], ["glibc-too-new"]),
        (native(f"_x.{LINUX_311}.so", NEWER, **{"fast/_x.abi3.so": elf()}), (), [],
         ["glibc-too-new"]),
        ({"fast/__init__.py": "try:\n    from ._x import y\nexcept ImportError:\n    y = None\n",
          f"fast/_x.{LINUX_311}.so": NEWER}, (), [], ["glibc-too-new"]),
    ],
    ids=["tagged", "abi3", "untagged", "a source beside it is not taken", "old enough", "weak",
         "a library of a pure wheel", "a second one", "optional"],
)  # fmt: skip
def test_a_binary_for_a_newer_c_library_than_the_runtimes(
    make: Packages, files: Files, tags: Sequence[str], expected: list[str], warnings: list[str]
) -> None:
    target = make.version("2", fast(files, *tags))
    judgement = judged(target, make.version("4"))
    assert ([kind for kind, _ in kinds(judgement)], warned(judgement)) == (expected, warnings)
    newer = replace(target, version=changed(target.version, runtime="python3.12"))
    assert "glibc-too-new" not in [kind for kind, _ in kinds(judged(newer, make.version("4")))]


def test_a_newer_c_library_is_said_with_both_versions(make: Packages) -> None:
    files = native(f"_x.{LINUX_311}.so", NEWER)
    (finding,) = judged(make.version("2", fast(files)), make.version("4")).findings
    assert said(finding) == (
        "orders:2 cannot load fast 1.2 in its code on python3.11 (x86_64): it is built for glibc "
        f"2.34 or newer, and the runtime has 2.26 (fast/_x.{LINUX_311}.so)"
    )


def test_a_layer_folder_of_another_python_that_a_needed_distribution_lives_in(
    make: Packages,
) -> None:
    foreign = acme("2.0", at="python/lib/python3.9/site-packages")
    target = make.version("2", layers=[make.layer("acme", foreign)])
    current = make.version("4", acme("2.0", at=""))
    (finding,) = judged(target, current, "acme>=2").findings
    assert finding.kind == "wrong-python"
    assert said(finding) == (
        "orders:2 needs acme>=2, which layer acme 1 has only for Python 3.9 "
        "(python/lib/python3.9/site-packages), and runs on python3.11"
    )
    assert kinds(judged(target, current)) == []
    both = make.layer("acme", foreign, acme("2.0", at=SITE_311))
    assert kinds(judged(make.version("2", layers=[both]), current, "acme>=2")) == []


@pytest.mark.parametrize(
    ("requires_python", "expected", "warnings"),
    [
        (">=3.12", [("python-too-old", "acme")], []),
        ("~=3.13", [("python-too-old", "acme")], []),
        (">=3.11.4", [], []),
        (">=3.8,<4", [], []),
        ("<3.11", [], ["python-not-declared"]),
        (">=2.7, !=3.0.*", [], []),
        ("nonsense", [], ["python-not-declared"]),
    ],
)
def test_requires_python(
    make: Packages, requires_python: str, expected: Sequence[tuple[str, str]], warnings: list[str]
) -> None:
    target = make.version("2", distribution("acme", "1", requires_python=requires_python))
    judgement = judged(target, make.version("4"))
    assert (kinds(judgement), warned(judgement)) == (expected, warnings)


@pytest.mark.parametrize(
    ("runtimes", "architectures", "messages"),
    [
        (None, None, []),
        ((), (), []),
        (("python3.11", "python3.12"), ("x86_64", "arm64"), []),
        (("python3.9",), None, ["runs on python3.11, but layer l 1 is marked as compatible "
                                "only with python3.9"]),
        (None, ("arm64",), ["runs on x86_64, but layer l 1 is marked as compatible only "
                            "with arm64"]),
    ],
)  # fmt: skip
def test_layers_that_are_not_marked_compatible(
    make: Packages,
    runtimes: tuple[str, ...] | None,
    architectures: tuple[str, ...] | None,
    messages: list[str],
) -> None:
    layer = make.layer("l", acme("1.0"), runtimes=runtimes, architectures=architectures)
    target = make.version("2", layers=[layer])
    judgement = judged(target, make.version("4"))
    assert judgement.findings == ()
    assert [(each.kind, said(each)) for each in judgement.warnings] == [
        ("layer-not-compatible", f"orders:2 {message}") for message in messages
    ]
    assert judged(target, make.version("4", layers=[layer])).warnings == ()


def test_a_version_against_itself_is_safe_and_silent(make: Packages) -> None:
    layer = make.layer("all", acme("1.0", "x.py"), fast(native("_x.cpython-39-x.so"), at="python"))
    code = distribution("odd", "1", requires=["gone", "acme>=9", "???"], requires_python=">=4")
    version = make.version("4", code, layers=[layer, make.layer("more", acme("2.0"))])
    judgement = judged(version, version)
    assert (judgement.findings, judgement.warnings) == ((), ())
    assert judgement.verdict is Verdict.SAFE
