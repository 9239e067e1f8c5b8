"""Which modules and names the standard library of each Python has. A table, and look-ups in it.

The standard library of the interpreter that runs this package says nothing of the function's, so
what differs between the Pythons of Lambda's runtimes (3.8 to 3.14) is written down here, as of
2025-10: from the ``VERSIONS`` file of typeshed, from the interpreters 3.8 to 3.13 themselves
(``dir()`` on Linux), from "What's New" of each version, from PEP 594 (dead batteries) and PEP 632
(distutils). What is not in the table is taken to be the same in all of them, and of names inside
a module that are not in the table nothing is known.
"""

from __future__ import annotations

import sys

RUNTIME_PACKAGES = frozenset(
    {
        "awslambdaric", "boto3", "botocore", "dateutil", "jmespath", "s3transfer", "simplejson",
        "six", "snapshot_restore_py", "urllib3",
    }
)  # fmt: skip
"""Import packages that AWS puts beside its runtime client. Their versions are AWS's to choose."""

INSTALLED_WITH_PYTHON = frozenset(
    {"_distutils_hack", "bootstrap", "ensurepip", "pip", "pkg_resources", "setuptools", "wheel"}
)
"""What may lie in the image's own site-packages, so that nothing is certain about it."""

_REMOVED_MODULES = {
    (3, 8): ("macpath",),
    (3, 9): ("_dummy_thread", "dummy_threading"),
    (3, 10): ("_bootlocale", "formatter", "parser", "symbol"),
    (3, 11): ("binhex",),
    (3, 12): ("asynchat", "asyncore", "distutils", "imp", "smtpd"),
    (3, 13): (
        "aifc", "audioop", "cgi", "cgitb", "chunk", "crypt", "imghdr", "lib2to3", "mailcap",
        "nis", "nntplib", "ossaudiodev", "pipes", "sndhdr", "spwd", "sunau",
        "telnetlib", "tkinter.tix", "typing.io", "typing.re", "uu", "xdrlib",
    ),
}  # fmt: skip
"""By the first Python without them."""

_ADDED_MODULES = {
    (3, 9): ("asyncio.threads", "graphlib", "zoneinfo"),
    (3, 11): (
        "asyncio.taskgroups", "asyncio.timeouts", "importlib.resources.abc",
        "importlib.resources.readers", "importlib.resources.simple", "tomllib", "wsgiref.types",
    ),
    (3, 13): ("dbm.sqlite3",),
    (3, 14): (
        "annotationlib", "compression", "concurrent.interpreters", "pathlib.types",
        "string.templatelib",
    ),
}  # fmt: skip

_REMOVED_NAMES = {
    "ast": {(3, 14): "Bytes Ellipsis NameConstant Num Str"},
    "asyncio": {
        (3, 11): "coroutine",
        (3, 14): "AbstractChildWatcher FastChildWatcher MultiLoopChildWatcher PidfdChildWatcher"
        " SafeChildWatcher ThreadedChildWatcher get_child_watcher set_child_watcher",
    },
    "base64": {(3, 9): "decodestring encodestring"},
    "binascii": {(3, 11): "a2b_hqx b2a_hqx rlecode_hqx rledecode_hqx"},
    "cgi": {(3, 8): "escape parse_qs parse_qsl"},
    "collections": {
        (3, 10): "AsyncGenerator AsyncIterable AsyncIterator Awaitable ByteString Callable"
        " Collection Container Coroutine Generator Hashable ItemsView Iterable Iterator KeysView"
        " Mapping MappingView MutableMapping MutableSequence MutableSet Reversible Sequence Set"
        " Sized ValuesView"
    },
    "configparser": {(3, 12): "SafeConfigParser", (3, 13): "LegacyInterpolation"},
    "fractions": {(3, 9): "gcd"},
    "gettext": {(3, 11): "bind_textdomain_codeset ldgettext ldngettext lgettext lngettext"},
    "importlib": {(3, 12): "find_loader"},
    "importlib.abc": {
        (3, 12): "Finder",
        (3, 14): "ResourceReader Traversable TraversableResources",
    },
    "importlib.util": {(3, 12): "module_for_loader set_loader set_package"},
    "inspect": {(3, 11): "ArgSpec formatargspec getargspec"},
    "locale": {(3, 12): "format", (3, 13): "resetlocale"},
    "pkgutil": {(3, 12): "ImpImporter ImpLoader", (3, 14): "find_loader get_loader"},
    "platform": {(3, 8): "dist linux_distribution popen"},
    "plistlib": {(3, 9): "Data readPlist readPlistFromBytes writePlist writePlistToBytes"},
    "re": {(3, 13): "template"},
    "sqlite3": {(3, 12): "OptimizedUnicode enable_shared_cache"},
    "ssl": {(3, 12): "RAND_pseudo_bytes match_hostname wrap_socket"},
    "sys": {(3, 9): "callstats getcheckinterval setcheckinterval"},
    "time": {(3, 8): "clock"},
    "unittest": {(3, 13): "findTestCases getTestCaseNames makeSuite"},
    "urllib.request": {(3, 14): "FancyURLopener URLopener"},
}
"""By module and the first Python without them."""

_ADDED_NAMES = {
    "argparse": {(3, 9): "BooleanOptionalAction"},
    "ast": {(3, 9): "unparse"},
    "asyncio": {
        (3, 9): "to_thread",
        (3, 11): "Barrier BrokenBarrierError Runner TaskGroup Timeout timeout timeout_at",
        (3, 12): "create_eager_task_factory eager_task_factory",
        (3, 13): "EventLoop QueueShutDown",
    },
    "base64": {(3, 10): "b32hexdecode b32hexencode", (3, 13): "z85decode z85encode"},
    "calendar": {(3, 12): "Day Month"},
    "collections.abc": {(3, 12): "Buffer"},
    "configparser": {(3, 13): "MultilineContinuationError UNNAMED_SECTION"},
    "contextlib": {(3, 10): "aclosing", (3, 11): "chdir"},
    "copy": {(3, 13): "replace"},
    "csv": {(3, 12): "QUOTE_NOTNULL QUOTE_STRINGS"},
    "dataclasses": {(3, 10): "KW_ONLY"},
    "datetime": {(3, 11): "UTC"},
    "enum": {
        (3, 11): "CONFORM CONTINUOUS EJECT EnumCheck EnumType FlagBoundary KEEP NAMED_FLAGS"
        " ReprEnum STRICT StrEnum UNIQUE global_enum member nonmember property verify",
        (3, 13): "EnumDict",
    },
    "functools": {(3, 9): "cache", (3, 14): "Placeholder"},
    "glob": {(3, 13): "translate"},
    "hashlib": {(3, 11): "file_digest"},
    "http": {(3, 11): "HTTPMethod"},
    "importlib.metadata": {(3, 10): "PackageMetadata packages_distributions"},
    "importlib.resources": {(3, 9): "as_file files"},
    "inspect": {(3, 10): "get_annotations", (3, 11): "getmembers_static"},
    "io": {(3, 10): "text_encoding"},
    "itertools": {(3, 10): "pairwise", (3, 12): "batched"},
    "locale": {(3, 11): "getencoding"},
    "logging": {(3, 11): "getLevelNamesMapping", (3, 12): "getHandlerByName getHandlerNames"},
    "math": {(3, 9): "lcm nextafter ulp", (3, 11): "cbrt exp2", (3, 12): "sumprod", (3, 13): "fma"},
    "mimetypes": {(3, 13): "guess_file_type"},
    "operator": {(3, 11): "call", (3, 14): "is_none is_not_none"},
    "pathlib": {(3, 13): "UnsupportedOperation"},
    "queue": {(3, 13): "ShutDown"},
    "random": {(3, 9): "randbytes", (3, 12): "binomialvariate"},
    "re": {(3, 11): "NOFLAG", (3, 13): "PatternError"},
    "sqlite3": {(3, 11): "Blob"},
    "statistics": {
        (3, 10): "correlation covariance linear_regression",
        (3, 13): "kde kde_random",
    },
    "sys": {(3, 10): "orig_argv stdlib_module_names", (3, 11): "exception"},
    "threading": {(3, 10): "getprofile gettrace"},
    "types": {
        (3, 9): "GenericAlias",
        (3, 10): "EllipsisType NoneType NotImplementedType UnionType",
        (3, 12): "get_original_bases",
        (3, 13): "CapsuleType",
    },
    "typing": {
        (3, 9): "Annotated",
        (3, 10): "Concatenate ParamSpec ParamSpecArgs ParamSpecKwargs TypeAlias TypeGuard"
        " is_typeddict",
        (3, 11): "LiteralString Never NotRequired Required Self TypeVarTuple Unpack assert_never"
        " assert_type clear_overloads dataclass_transform get_overloads reveal_type",
        (3, 12): "TypeAliasType override",
        (3, 13): "NoDefault ReadOnly TypeIs get_protocol_members is_protocol",
        (3, 14): "evaluate_forward_ref",
    },
    "uuid": {(3, 14): "uuid6 uuid7 uuid8"},
    "warnings": {(3, 13): "deprecated"},
}
"""By module and the first Python with them."""


def has_module(name: str, python: tuple[int, int]) -> bool:
    """True for a module of that Python's standard library, or below one of its packages."""
    return is_module(name) and not _absent(name, python)


def is_module(name: str) -> bool:
    """True where any Python of the table has (or had) the module's top-level package."""
    top = name.partition(".")[0]
    return top in sys.stdlib_module_names or top in _TABLE_TOPS or top == "__main__"


def may_matter(top: str, source: bytes) -> bool:
    """Whether a source that imports this package may ask for what only some Pythons have."""
    return top in _TABLE_TOPS or any(name in source for name in _VARYING.get(top, ()))


def has_names(module: str) -> bool:
    """True where the table knows names of this very module."""
    return module in _REMOVED_NAMES or module in _ADDED_NAMES


def lacks_name(module: str, name: str, python: tuple[int, int]) -> bool:
    """True where it is certain that this Python's module has no such name."""
    removed = _REMOVED_NAMES.get(module, {})
    if any(python >= since and name in names.split() for since, names in removed.items()):
        return True
    added = _ADDED_NAMES.get(module, {})
    return any(python < since and name in names.split() for since, names in added.items())


def _absent(name: str, python: tuple[int, int]) -> bool:
    parts = name.split(".")
    prefixes = {".".join(parts[:count]) for count in range(1, len(parts) + 1)}
    return any(
        python >= since and not prefixes.isdisjoint(names)
        for since, names in _REMOVED_MODULES.items()
    ) or any(
        python < since and not prefixes.isdisjoint(names) for since, names in _ADDED_MODULES.items()
    )


_TABLE_TOPS = frozenset(
    name.partition(".")[0]
    for table in (_REMOVED_MODULES, _ADDED_MODULES)
    for names in table.values()
    for name in names
)
_VARYING = {
    top: frozenset(
        name.encode()
        for table in (_REMOVED_NAMES, _ADDED_NAMES)
        for module, versions in table.items()
        if module.partition(".")[0] == top
        for names in versions.values()
        for name in names.split()
    )
    for top in {name.partition(".")[0] for name in (*_REMOVED_NAMES, *_ADDED_NAMES)}
}
"""By top-level package: all names of it that some Python lacks."""
