"""Attributes of classes and instances, and submodules that nobody loads.

Every case is a use of ``lib``, and what ``lib`` was and is now; the use breaks or it does not.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.made_sources import Files, Workbench
from helpers.subjects import said

BREAKS: dict[str, tuple[str, Files, Files]] = {
    "method of a class": (
        "lib.Client.old()",
        {"lib.py": "class Client:\n    @classmethod\n    def old(cls): ...\n"},
        {"lib.py": "class Client:\n    def new(self): ...\n"},
    ),
    "member of an enumeration": (
        "lib.Colour.RED",
        {"lib.py": "import enum\nclass Colour(enum.Enum):\n    RED = 1\n"},
        {"lib.py": "class Colour:\n    BLUE = 1\n"},
    ),
    "method of an instance": (
        "lib.Client('x').old()",
        {"lib.py": "class Client:\n    def __init__(self, x): ...\n    def old(self): ...\n"},
        {"lib.py": "class Client:\n    def __init__(self, x): ...\n    def new(self): ...\n"},
    ),
    "attribute of an instance": (
        "lib.Client().timeout",
        {"lib.py": "class Client:\n    def __init__(self):\n        self.timeout = 1\n"},
        {"lib.py": "class Client:\n    def __init__(self):\n        self.limit = 1\n"},
    ),
    "method of a base": (
        "lib.Client.old()",
        {"lib/__init__.py": "class Client:\n    def old(self): ...\n"},
        {
            "lib/__init__.py": "from .core import Core\nclass Client(Core): ...\n",
            "lib/core.py": "class Core:\n    def new(self): ...\n",
        },
    ),
    "method of a class that moved": (
        "lib.Client.old()",
        {"lib/__init__.py": "class Client:\n    def old(self): ...\n"},
        {
            "lib/__init__.py": "from .client import Client\n",
            "lib/client.py": "class Client: ...\n",
        },
    ),
    "submodule that nobody imports any more": (
        "lib.errors.Gone",
        {"lib/__init__.py": "from . import errors\n", "lib/errors.py": "class Gone: ...\n"},
        {"lib/__init__.py": "", "lib/errors.py": "class Gone: ...\n"},
    ),
    "submodule that another one imported": (
        "lib.errors.Gone",
        {
            "lib/__init__.py": "from .core import run\n",
            "lib/core.py": "import lib.errors\n\n\ndef run(): ...\n",
            "lib/errors.py": "class Gone: ...\n",
        },
        {
            "lib/__init__.py": "from .core import run\n",
            "lib/core.py": "def run(): ...\n",
            "lib/errors.py": "class Gone: ...\n",
        },
    ),
}

SAFE: dict[str, tuple[str, Files, Files]] = {
    "inherited": (
        "lib.Client.old()",
        {"lib.py": "class Client:\n    def old(self): ...\n"},
        {"lib.py": "class Base:\n    def old(self): ...\nclass Client(Base): ...\n"},
    ),
    "inherited from a builtin": (
        "lib.Table().items()",
        {"lib.py": "class Table:\n    def items(self): ...\n"},
        {"lib.py": "class Table(dict): ...\n"},
    ),
    "answered by __getattr__": (
        "lib.Client().old()",
        {"lib.py": "class Client:\n    def old(self): ...\n"},
        {"lib.py": "class Client:\n    def __getattr__(self, name): ...\n"},
    ),
    "made by a metaclass": (
        "lib.Client.old()",
        {"lib.py": "class Client:\n    def old(self): ...\n"},
        {"lib.py": "class Client(metaclass=M): ...\n"},
    ),
    "made by a decorator": (
        "lib.Client.old()",
        {"lib.py": "class Client:\n    def old(self): ...\n"},
        {"lib.py": "def add(c): ...\n@add\nclass Client: ...\n"},
    ),
    "set after the class": (
        "lib.Client.old()",
        {"lib.py": "class Client:\n    def old(self): ...\n"},
        {"lib.py": "class Client: ...\nClient.old = print\n"},
    ),
    "base that is not there": (
        "lib.Client.old()",
        {"lib.py": "class Client:\n    def old(self): ...\n"},
        {"lib.py": "from boto3 import Session\nclass Client(Session): ...\n"},
    ),
    "field of a dataclass": (
        "lib.Order(1).amount",
        {"lib.py": "class Order:\n    def __init__(self, amount):\n        self.amount = 1\n"},
        {"lib.py": "import dataclasses\n@dataclasses.dataclass\nclass Order:\n    amount: int\n"},
    ),
    "attribute of what a function gives": (
        "lib.connect().cursor()",
        {"lib.py": "def connect(): ...\n"},
        {"lib.py": "def connect(x=1): ...\n"},
    ),
    "submodule that another module imports": (
        "lib.errors.Gone",
        {"lib/__init__.py": "from . import errors\n", "lib/errors.py": "class Gone: ...\n"},
        {
            "lib/__init__.py": "from .core import run\n",
            "lib/core.py": "from lib.errors import Gone\n\n\ndef run(): ...\n",
            "lib/errors.py": "class Gone: ...\n",
        },
    ),
    "submodule that a function imports": (
        "lib.errors.Gone",
        {"lib/__init__.py": "from . import errors\n", "lib/errors.py": "class Gone: ...\n"},
        {
            "lib/__init__.py": "def run():\n    from . import errors\n",
            "lib/errors.py": "class Gone: ...\n",
        },
    ),
    "lazy submodule": (
        "lib.errors.Gone",
        {"lib/__init__.py": "from . import errors\n", "lib/errors.py": "class Gone: ...\n"},
        {
            "lib/__init__.py": (
                "import importlib\n\n\ndef __getattr__(name):\n"
                "    return importlib.import_module(f'.{name}', __name__)\n"
            ),
            "lib/errors.py": "class Gone: ...\n",
        },
    ),
}

CODES = {
    "in place": "import lib\n\n\ndef handler(e, c):\n    return {use}\n",
    "by a variable": "import lib\n\n\ndef handler(e, c):\n    it = {root}\n    return it{rest}\n",
}


@pytest.fixture
def workbench(tmp_path: Path) -> Workbench:
    return Workbench(tmp_path)


def found(workbench: Workbench, case: tuple[str, Files, Files], code: str) -> list[str]:
    use, old, new = case
    root, dot, rest = use.removeprefix("lib.").partition(".")
    source = CODES[code].format(use=use, root=f"lib.{root}", rest=f"{dot}{rest}")
    return [said(finding) for finding in workbench.rollback(source, old, new).findings]


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("case", BREAKS)
def test_what_a_class_or_package_lost_is_found(workbench: Workbench, case: str, code: str) -> None:
    assert len(found(workbench, BREAKS[case], code)) == 1


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("case", SAFE)
def test_what_a_class_or_package_may_have_is_not(
    workbench: Workbench, case: str, code: str
) -> None:
    assert found(workbench, SAFE[case], code) == []


def test_a_submodule_that_the_code_itself_imports_is_there(workbench: Workbench) -> None:
    code = "import lib\n\n\ndef handler(e, c):\n    import lib.errors\n    return lib.errors.Gone\n"
    files: Files = {"lib/__init__.py": "", "lib/errors.py": "class Gone: ...\n"}

    assert workbench.rollback(code, files, {**files, "other.py": ""}).findings == ()


def test_a_member_is_told_by_its_class(workbench: Workbench) -> None:
    (text,) = found(workbench, BREAKS["method of an instance"], "in place")

    assert text == (
        "orders:2 by redeploy uses lib.Client().old (app.py:5), which layer shared 2 does not "
        "offer; shared 1 did"
    )
