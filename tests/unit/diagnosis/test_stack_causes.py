"""Causes that lie in a layer, a distribution, the runtime or the environment."""

from __future__ import annotations

import pytest

from helpers.stack_builders import distribution, error, package, view
from helpers.subjects import subject
from pytest_lambda_rollback.diagnosis.distribution_changes import Evidence, differences, ranked
from pytest_lambda_rollback.diagnosis.stack_causes import Break, cause_from_flip, cause_from_frames
from pytest_lambda_rollback.diagnosis.stack_changes import changes
from pytest_lambda_rollback.diagnosis.stacks import Stack
from pytest_lambda_rollback.model.causes import Cause
from pytest_lambda_rollback.model.packages import LayerView, PackageInventory, VersionView
from pytest_lambda_rollback.model.replay import FunctionError
from pytest_lambda_rollback.model.settings import Strategy
from pytest_lambda_rollback.reports import sentences

SITE = "python/lib/python3.11/site-packages"
JWT_6 = package("third-party 6", distribution("PyJWT", "1.7.1", "jwt"))
JWT_7 = package("third-party 7", distribution("PyJWT", "2.8.0", "jwt"))
PYDANTIC_1 = package(
    "third-party 1",
    distribution("pydantic", "1.10.13", requires=("typing-extensions>=4.2",)),
    distribution("typing_extensions", "4.11.0"),
)
PYDANTIC_2 = package(
    "third-party 2",
    distribution("pydantic", "2.7.1", requires=("pydantic-core==2.18.2", "annotated-types")),
    distribution("pydantic_core", "2.18.2"),
    distribution("annotated-types", "0.6.0"),
    distribution("typing_extensions", "4.11.0"),
)
SHARED_1 = package("acme-shared 1", files=["python/acme_shared/money.py"])
SHARED_2 = package("acme-shared 2", files=["python/acme_shared/money.py"])
WEB_1 = package(
    "web 1", distribution("Flask", "2.2.5"), distribution("Werkzeug", "2.2.3"),
    distribution("click", "8.1.7"),
)  # fmt: skip
WEB_2 = package(
    "web 2", distribution("Flask", "2.3.3"), distribution("Werkzeug", "2.3.8"),
    distribution("click", "8.1.7"), distribution("blinker", "1.8.2"),
)  # fmt: skip

NO_DECODE = error("AttributeError", "'str' object has no attribute 'decode'", "/var/task/app.py:41")


def facts(cause: Cause | None) -> tuple[str | None, ...] | None:
    """Layer, distribution, version on the current stack, version on the target's own."""
    if cause is None:
        return None
    return cause.layer, cause.distribution, cause.current_version, cause.target_version


def told(cause: Cause | None, strategy: Strategy = Strategy.REDEPLOY) -> str:
    return sentences.of_cause(cause, subject("3", strategy)) or ""


def flipped(
    own: VersionView,
    current: VersionView,
    raised: FunctionError | None = None,
    *,
    imported: tuple[str, ...] = (),
    strategy: Strategy = Strategy.REDEPLOY,
) -> Cause:
    """The cause where all that differs between the stacks flips the check."""
    working, breaking = own.version, current.version
    if strategy is Strategy.ALIAS:
        working, breaking = breaking, working
    broken = Break(strategy=strategy, error=raised, location="app.py:41" if raised else None)
    flip = frozenset(changes(working, breaking))
    return cause_from_flip(flip, own, current, Evidence(error=raised, imported=imported), broken)


# --- from the error alone -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("own", "current", "raised", "expected"),
    [
        pytest.param(
            SHARED_1, SHARED_2,
            error("ImportError", "cannot import name 'to_text' from 'acme_shared.money' "
                  "(/opt/python/acme_shared/money.py)", "/var/task/app.py:5"),
            ("acme-shared", None, "2", "1"), id="in-house layer without metadata",
        ),
        pytest.param(
            JWT_6, package("third-party 7", distribution("idna", "3.7")),
            error("Runtime.ImportModuleError", "Unable to import module 'app': "
                  "No module named 'jwt'"),
            ("third-party", "PyJWT", None, "1.7.1"), id="the layer lost the distribution",
        ),
        pytest.param(
            PYDANTIC_1, PYDANTIC_2,
            error("PydanticUserError", "You must set from_attributes=True", "/var/task/app.py:9",
                  "/opt/python/typing_extensions.py:7", "/opt/python/pydantic/main.py:70"),
            ("third-party", "pydantic", "2.7.1", "1.10.13"), id="raised in the distribution",
        ),
        pytest.param(
            JWT_6, JWT_7,
            error("AttributeError", "module 'jwt' has no attribute 'x'", "/var/task/app.py:1"),
            ("third-party", "PyJWT", "2.8.0", "1.7.1"), id="attribute of a module",
        ),
        pytest.param(
            package("jinja 1", distribution("MarkupSafe", "2.0.1"), distribution("Jinja2", "2")),
            package("jinja 2", distribution("MarkupSafe", "2.1.5"), distribution("Jinja2", "2")),
            error("ImportError", "cannot import name 'soft_unicode' from 'markupsafe' "
                  "(/opt/python/markupsafe/__init__.py)", "/var/task/app.py:1",
                  "/opt/python/jinja2/__init__.py:12"),
            ("jinja", "MarkupSafe", "2.1.5", "2.0.1"), id="below an unchanged distribution",
        ),
        pytest.param(
            package("t 1", distribution("attrs", "23.2.0", "attr", "attrs")),
            package("t 2", distribution("attrs", "20.3.0", "attr")),
            error("ModuleNotFoundError", "No module named 'attrs'", "/var/task/app.py:1"),
            ("t", "attrs", "20.3.0", "23.2.0"), id="a module of it is gone",
        ),
        pytest.param(
            package("lxml 1", distribution("lxml", "4.9.0", root=SITE)),
            package("lxml 2", distribution("lxml", "5.2.0", root=SITE)),
            error("ImportError", f"/opt/{SITE}/lxml/etree.so: undefined symbol: xmlFree",
                  "/var/task/app.py:1"),
            ("lxml", "lxml", "5.2.0", "4.9.0"), id="a file that the message names",
        ),
    ],
)  # fmt: skip
def test_what_an_error_points_at(
    own: LayerView,
    current: LayerView,
    raised: FunctionError,
    expected: tuple[str | None, ...],
) -> None:
    cause = cause_from_frames(raised, view("3", own), view("3", current))
    assert facts(cause) == expected


@pytest.mark.parametrize(
    ("own", "current", "raised"),
    [
        pytest.param(JWT_6, JWT_7, NO_DECODE, id="only own code in the trace"),
        pytest.param(
            WEB_1, WEB_2,
            error("KeyError", "'sku'", "/opt/python/flask/app.py:1500", "/var/task/app.py:9"),
            id="the framework is only what called the code",
        ),
        pytest.param(
            PYDANTIC_1, PYDANTIC_1,
            error("ValidationError", "1 validation error", "/var/task/app.py:9",
                  "/opt/python/pydantic/main.py:70"),
            id="the same on both stacks",
        ),
        pytest.param(
            JWT_6, JWT_7,
            error("ModuleNotFoundError", "No module named 'never_there'", "/var/task/app.py:1"),
            id="a module that neither has",
        ),
    ],
)  # fmt: skip
def test_an_error_that_points_at_nothing_that_differs(
    own: LayerView, current: LayerView, raised: FunctionError
) -> None:
    assert cause_from_frames(raised, view("3", own), view("3", current)) is None


def test_by_alias_the_error_arose_on_the_targets_own_layers() -> None:
    raised = error("ModuleNotFoundError", "No module named 'jwt'", "/var/task/app.py:1")
    cause = cause_from_frames(
        raised, view("3"), view("3", JWT_7), strategy=Strategy.ALIAS, location="app.py:1"
    )
    assert facts(cause) == ("third-party", "PyJWT", "2.8.0", None)
    assert told(cause, Strategy.ALIAS) == (
        "pointing the alias at 3: its own layers have no PyJWT 2.8.0, which the current version "
        "gets from layer third-party 7: ModuleNotFoundError: No module named 'jwt' (app.py:1)"
    )


@pytest.mark.parametrize(
    ("module", "removed"),
    [
        ("distutils", "3.12"),
        ("imp", "3.12"),
        ("asynchat", "3.12"),
        ("cgi", "3.13"),
        ("telnetlib.x", "3.13"),
        ("typing.io", "3.13"),
    ],
)
def test_a_module_that_python_lost_is_the_runtimes_change(module: str, removed: str) -> None:
    raised = error("ModuleNotFoundError", f"No module named '{module}'", "/var/task/app.py:2")
    own, current = view("3"), view("3", runtime="python3.13")
    cause = cause_from_frames(raised, own, current)
    assert facts(cause) == (None, "python", "3.13", "3.11")
    assert told(cause) == (
        f"redeploying 3: its code needs {module}, which Python {removed} removed: "
        f"ModuleNotFoundError: No module named '{module}' (app.py:2)"
    )
    assert cause_from_frames(raised, current, current) is None
    assert cause_from_frames(raised, view("3", runtime="python3.13"), view("3")) is None


def test_a_module_that_an_older_python_lacks_is_the_runtimes_change() -> None:
    raised = error("ModuleNotFoundError", "No module named 'tomllib'", "/var/task/app.py:2")
    own, current = view("3", runtime="python3.11"), view("3", runtime="python3.10")
    assert facts(cause_from_frames(raised, own, current)) == (None, "python", "3.10", "3.11")


@pytest.mark.parametrize(
    ("raised", "name"),
    [
        (("ImportError", "cannot import name 'formatargspec' from 'inspect' (/var/lang/i.py)"),
         "inspect.formatargspec"),
        (("AttributeError", "module 'inspect' has no attribute 'formatargspec'"),
         "inspect.formatargspec"),
        (("ModuleNotFoundError", "No module named 'binhex'"), "binhex"),
    ],
)  # fmt: skip
def test_a_package_that_needs_what_python_lost_is_named(raised: tuple[str, str], name: str) -> None:
    wrapt = package("tools 1", distribution("wrapt", "1.13.3", "wrapt"))
    own, current = view("3", wrapt, runtime="python3.10"), view("3", wrapt, runtime="python3.11")
    fault = error(*raised, "/var/task/app.py:2", "/opt/python/wrapt/arguments.py:1")
    cause = cause_from_frames(fault, own, current, location="app.py:2")
    told_error = f"{raised[0]}: {raised[1]}"
    assert told(cause) == (
        f"redeploying 3: wrapt 1.13.3 in layer tools 1 needs {name}, which Python 3.11 removed: "
        f"{told_error} (app.py:2)"
    )


def test_a_name_that_a_newer_python_brings_is_not_there_yet() -> None:
    raised = error(
        "ImportError", "cannot import name 'batched' from 'itertools'", "/var/task/a.py:2"
    )
    own, current = view("3", runtime="python3.12"), view("3", runtime="python3.11")
    cause = cause_from_frames(raised, own, current)
    assert told(cause).startswith(
        "redeploying 3: its code needs itertools.batched, which Python 3.11 does not have yet: "
    )


def test_a_module_that_a_layer_lost_is_not_blamed_on_python() -> None:
    raised = error("ModuleNotFoundError", "No module named 'distutils'", "/var/task/app.py:2")
    setuptools = package("tools 1", distribution("setuptools", "65.5.0", "distutils"))
    cause = cause_from_frames(
        raised, view("3", setuptools), view("3", runtime="python3.13"), location="app.py:2"
    )
    assert facts(cause) == ("tools", "setuptools", None, "65.5.0")


# --- which layer has it ---------------------------------------------------------------------


def test_the_last_layer_that_has_a_file_wins() -> None:
    early = package("early 1", distribution("PyJWT", "2.8.0", "jwt"), files=["python/jwt/old.py"])
    late = package("late 1", distribution("PyJWT", "1.7.1", "jwt"))
    stack = Stack(view("3", early, late))
    owner = stack.owner("jwt.api_jwt")
    assert owner is not None
    assert (str(owner.layer), owner.version) == ("late 1", "1.7.1")
    # A file that only the earlier layer has leaks through.
    for file, expected in (("__init__", "late 1"), ("old", "early 1")):
        found = stack.owner_of_file(f"/opt/python/jwt/{file}.py")
        assert found is not None
        assert str(found.layer) == expected


def test_code_comes_before_layers_and_site_packages_before_python() -> None:
    code = PackageInventory(
        digest="code",
        role="code",
        distributions=(distribution("PyJWT", "1.0", "jwt", root=""),),
        files=("jwt/__init__.py",),
    )
    site = package("site 1", distribution("idna", "2.0", root=SITE))
    plain = package("plain 1", distribution("idna", "3.0"), distribution("PyJWT", "2.8.0", "jwt"))
    stack = Stack(view("3", site, plain, code=code))
    assert {each.key: each.version for each in stack.found.values()} == {
        "pyjwt": "1.0",
        "idna": "2.0",
    }
    other = Stack(view("3", site, plain, runtime="python3.13"))
    assert other.found["idna"].version == "3.0"


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("/opt/python/jwt/api.py", "PyJWT"),
        ("/tmp/environment-7/opt/python/jwt/api.py", "PyJWT"),
        ("/var/task/jwt/api.py", None),
        ("/usr/lib/python3.11/json/decoder.py", None),
        ("/opt/python/other/api.py", None),
    ],
)
def test_files_of_a_trace(file: str, expected: str | None) -> None:
    owner = Stack(view("3", JWT_7)).owner_of_file(file)
    assert (owner.name if owner else None) == expected


def test_node_packages_are_distributions_too() -> None:
    one = package("deps 1", node={"jsonwebtoken": "8.5.1", "ms": "2.0.0"})
    other = package("deps 2", node={"jsonwebtoken": "9.0.2", "ms": "2.0.0"})
    own, current = (view("3", each, runtime="nodejs22.x") for each in (one, other))
    raised = FunctionError(
        type="Error",
        message="secretOrPrivateKey has a minimum key size of 2048 bits",
        stack_trace=(
            "Error: secretOrPrivateKey has a minimum key size of 2048 bits",
            "    at module.exports (/opt/nodejs/node_modules/jsonwebtoken/sign.js:130:14)",
            "    at exports.handler (/var/task/index.js:7:5)",
        ),
    )
    cause = cause_from_frames(raised, own, current)
    assert facts(cause) == ("deps", "jsonwebtoken", "9.0.2", "8.5.1")


# --- from a flip ----------------------------------------------------------------------------


def test_the_sentence_of_a_replaced_distribution() -> None:
    cause = flipped(view("3", JWT_6), view("3", JWT_7), NO_DECODE)
    assert facts(cause) == ("third-party", "PyJWT", "2.8.0", "1.7.1")
    assert told(cause) == (
        "redeploying 3: layer third-party 7 has PyJWT 2.8.0 but 3 was built against 1.7.1: "
        "AttributeError: 'str' object has no attribute 'decode' (app.py:41)"
    )


def test_the_sentence_by_alias() -> None:
    cause = flipped(view("3", JWT_6), view("3", JWT_7), NO_DECODE, strategy=Strategy.ALIAS)
    assert facts(cause) == ("third-party", "PyJWT", "2.8.0", "1.7.1")
    assert told(cause, Strategy.ALIAS) == (
        "pointing the alias at 3: layer third-party 6 has PyJWT 1.7.1 but it works with 2.8.0: "
        "AttributeError: 'str' object has no attribute 'decode' (app.py:41)"
    )


def test_the_sentence_of_an_in_house_layer() -> None:
    cause = flipped(view("3", SHARED_1), view("3", SHARED_2))
    assert facts(cause) == ("acme-shared", None, "2", "1")
    assert told(cause) == (
        "redeploying 3: it runs on layer acme-shared 2 but 3 was built against acme-shared 1"
    )


@pytest.mark.parametrize(
    ("own", "current", "raised", "imported", "expected"),
    [
        pytest.param(
            PYDANTIC_1, PYDANTIC_2, None, ("pydantic", "typing_extensions"), "pydantic",
            id="response drift: what the code imports",
        ),
        pytest.param(
            WEB_1, WEB_2,
            error("AttributeError", "'Flask' object has no attribute 'before_first_request'",
                  "/var/task/app.py:7"),
            (), "Flask", id="named by its class",
        ),
        pytest.param(
            WEB_1, WEB_2,
            error("TypeError", "'NoneType' object is not callable",
                  "/var/task/app.py:7 werkzeug.serve()"),
            (), "Werkzeug", id="on the line that failed",
        ),
        pytest.param(
            WEB_1, WEB_2,
            error("ValueError", "bad", "/opt/python/flask/app.py:2", "/var/task/app.py:7",
                  "/opt/python/werkzeug/urls.py:9"),
            ("flask",), "Werkzeug", id="raised there, below own code",
        ),
        pytest.param(
            package("h 1", distribution("requests", "2.31.0", requires=["urllib3<3", "idna<4"]),
                    distribution("urllib3", "1.26.18"), distribution("botox", "1.0")),
            package("h 2", distribution("requests", "2.31.0", requires=["urllib3<3", "idna<4"]),
                    distribution("urllib3", "2.2.1"), distribution("botox", "2.0")),
            None, ("requests",), "urllib3", id="required by what the code imports",
        ),
        pytest.param(
            package("h 1", distribution("aaa", "1.0.0"), distribution("bbb", "1.0.0")),
            package("h 2", distribution("aaa", "1.0.1"), distribution("bbb", "2.0.0")),
            None, ("aaa", "bbb"), "bbb", id="of two the greater change",
        ),
    ],
)  # fmt: skip
def test_the_likeliest_of_several(
    own: LayerView,
    current: LayerView,
    raised: FunctionError | None,
    imported: tuple[str, ...],
    expected: str,
) -> None:
    cause = flipped(view("3", own), view("3", current), raised, imported=imported)
    assert cause.distribution == expected
    assert expected in told(cause)


def test_of_equals_none_is_named_and_the_layer_is() -> None:
    own = package("h 1", distribution("aaa", "1.0.0"), distribution("bbb", "1.0.0"))
    current = package("h 2", distribution("aaa", "2.0.0"), distribution("bbb", "2.0.0"))
    cause = flipped(view("3", own), view("3", current), imported=("aaa", "bbb"))
    assert facts(cause) == ("h", None, "2", "1")
    assert told(cause) == (
        "redeploying 3: layer h 2 differs from its own in aaa 2.0.0 instead of 1.0.0 and bbb "
        "2.0.0 instead of 1.0.0"
    )


def test_one_that_another_layer_lies_over_is_likelier_than_a_major_version() -> None:
    shared = package("third-party 1", distribution("PyJWT", "2.8.0", "jwt"))
    before = package("telemetry 1", distribution("acme-telemetry", "1.0.0"))
    after = package(
        "telemetry 2",
        distribution("acme-telemetry", "2.0.0"),
        distribution("PyJWT", "1.7.1", "jwt"),
    )
    cause = flipped(
        view("3", shared, before), view("3", shared, after), imported=("acme_telemetry", "jwt")
    )
    assert facts(cause) == ("telemetry", "PyJWT", "1.7.1", "2.8.0")
    assert "and also differs in acme-telemetry 2.0.0 instead of 1.0.0" in told(cause)


def test_another_build_of_the_same_version() -> None:
    files = {tag: {f"python/orjson/orjson.{tag}.so": tag} for tag in ("cpython-311", "cpython-312")}
    own = package("t 1", distribution("orjson", "3.9.15"), distribution("idna", "3.7"),
                  natives=files["cpython-311"])  # fmt: skip
    current = package("t 2", distribution("orjson", "3.9.15"), distribution("idna", "3.7"),
                      natives=files["cpython-312"])  # fmt: skip
    raised = error("ModuleNotFoundError", "No module named 'orjson.orjson'", "/var/task/app.py:1")
    cause = flipped(view("3", own), view("3", current), raised)
    assert facts(cause) == ("t", "orjson", "3.9.15", "3.9.15")
    assert (
        "layer t 2 has orjson 3.9.15 built for cpython-312 but 3 has it built for cpython-311"
        in told(cause)
    )


def test_a_binary_in_the_code_that_does_not_fit_the_new_runtime() -> None:
    natives = package("x", natives={"orjson/orjson.cpython-311.so": "cpython-311"})
    code = PackageInventory(
        digest="code",
        role="code",
        distributions=(distribution("orjson", "3.9.15", root=""),),
        files=("app.py", "orjson/__init__.py"),
        natives=natives.inventory.natives,
    )
    raised = error("ModuleNotFoundError", "No module named 'orjson.orjson'", "/var/task/app.py:1")
    cause = flipped(view("3", code=code), view("3", runtime="python3.13", code=code), raised)
    assert facts(cause) == (None, "orjson", None, "3.9.15")
    assert "orjson 3.9.15 in its code is built for cpython-311 but would run on python3.13" in told(
        cause
    )


def test_the_runtime_itself() -> None:
    raised = error("AttributeError", "module 'ast' has no attribute 'Num'", "/var/task/app.py:41")
    cause = flipped(view("3", JWT_6), view("3", JWT_6, runtime="python3.13"), raised)
    assert facts(cause) == (None, "python", "3.13", "3.11")


def test_an_environment_variable_is_named_and_its_value_is_not() -> None:
    raised = error("KeyError", "'TABLE'", "/var/task/app.py:41")
    cause = flipped(view("3", environment={"TABLE": "secret"}), view("3"), raised)
    assert facts(cause) == (None, None, None, None)
    assert told(cause) == (
        "redeploying 3: the current version does not set the environment variable TABLE, which "
        "3 sets: KeyError: 'TABLE' (app.py:41)"
    )


def test_several_layers_that_break_only_together_are_all_named() -> None:
    cause = flipped(view("3", JWT_6, SHARED_1), view("3", JWT_7, SHARED_2), NO_DECODE)
    assert "acme-shared 2" in told(cause)
    assert "third-party 7" in told(cause)


def test_a_layer_of_which_nothing_is_known_but_its_version() -> None:
    cause = flipped(view("3", package("data 1")), view("3", package("data 2")))
    assert facts(cause) == ("data", None, "2", "1")
    cause = flipped(view("3"), view("3", package("data 2")))
    assert facts(cause) == ("data", None, "2", None)
    assert "the current stack has layer data 2, which 3 was built without" in told(cause)


def test_layers_in_another_order() -> None:
    one = package("a 1", distribution("PyJWT", "1.7.1", "jwt"))
    other = package("b 1", distribution("PyJWT", "2.8.0", "jwt"))
    cause = flipped(view("3", other, one), view("3", one, other), NO_DECODE)
    assert facts(cause) == ("b", "PyJWT", "2.8.0", "1.7.1")


# --- all that differs -----------------------------------------------------------------------


def test_the_likeliest_of_all_that_differs_comes_first() -> None:
    own, current = view("3", PYDANTIC_1, JWT_6), view("3", PYDANTIC_2, JWT_7)
    first_change = {changes(own.version, current.version)[0]}
    stacks = Stack(own), Stack(current)
    found = ranked(
        differences(*stacks, first_change),
        *stacks,
        strategy=Strategy.REDEPLOY,
        evidence=Evidence(imported=("pydantic",)),
    )
    assert [facts(each.difference.cause(Strategy.REDEPLOY)) for each in found] == [
        ("third-party", "pydantic", "2.7.1", "1.10.13"),
        ("third-party", "annotated-types", "0.6.0", None),
        ("third-party", "pydantic_core", "2.18.2", None),
    ]


def test_what_another_distribution_hides_does_not_differ() -> None:
    top = package("top 1", distribution("PyJWT", "2.0.0", "jwt"))
    own, current = view("3", JWT_6, top), view("3", JWT_7, top)
    all_changes = set(changes(own.version, current.version))
    assert differences(Stack(own), Stack(current), all_changes) == ()


def test_leftover_metadata_of_two_versions_names_none() -> None:
    unsure = package(
        "third-party 7",
        distribution("PyJWT", "2.8.0", "jwt"),
        distribution("PyJWT", "2.7.0", "jwt"),
    )
    cause = flipped(view("3", JWT_6), view("3", unsure), NO_DECODE)
    assert facts(cause) == ("third-party", "PyJWT", None, "1.7.1")
    assert "2.8.0" not in told(cause)
