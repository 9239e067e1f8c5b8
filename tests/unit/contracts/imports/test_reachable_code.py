"""Ways that the runtime can go, and ways that it cannot: code that asks for what is gone.

Every case is the target's code. It was built on ``lib`` 1, which has ``old`` and its own package
``extra``; the current layers have ``lib`` 2, where ``new`` took the place of ``old``, and no
``extra``. By ``redeploy`` a case breaks, or it is safe.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.made_sources import Files, Workbench, installed
from helpers.subjects import said

OLD: Files = {
    "lib/__init__.py": "__version__ = '1.4.0'\nfrom . import errors\n\n\ndef old(): ...\n",
    "lib/errors.py": "class Gone(Exception): ...\n",
    "extra.py": "def run(): ...\n",
    **installed("lib", "1.4.0", "lib"),
    **installed("extra", "1.0", "extra"),
}
NEW: Files = {
    "lib/__init__.py": "__version__ = '2.0.1'\nfrom . import errors\n\n\ndef new(): ...\n",
    "lib/errors.py": "class Other(Exception): ...\n",
    **installed("lib", "2.0.1", "lib"),
}

MAIN = "\n\nif __name__ == '__main__':\n    main()\n"
HANDLER = "def handler(e, c):\n    return {}\n\n\n"

SAFE: dict[str, str | Files] = {
    # --- the part of a script
    "called by the script part": f"{HANDLER}def main():\n    import extra\n    extra.run(){MAIN}",
    "called by what the script part calls": (
        f"{HANDLER}def serve():\n    import extra\n\n\ndef main():\n    serve(){MAIN}"
    ),
    "method called by the script part": (
        f"{HANDLER}class Server:\n    def serve(self):\n        import extra\n\n\n"
        "if __name__ == '__main__':\n    Server().serve()\n"
    ),
    "script part with an exit code": (
        f"import sys\n{HANDLER}def main():\n    import extra\n    return 0\n\n\n"
        "if '__main__' == __name__:\n    sys.exit(main())\n"
    ),
    "coroutine that the script part runs": (
        f"import asyncio\n{HANDLER}async def main():\n    import extra\n\n\n"
        "if __name__ == '__main__':\n    asyncio.run(main())\n"
    ),
    "command that the script part runs": (
        f"import click\n{HANDLER}@click.command()\ndef main():\n    import extra\n    extra.run()"
        f"{MAIN}"
    ),
    "module that the script part imports": {
        "app.py": f"{HANDLER}if __name__ == '__main__':\n    import serve\n    serve.main()\n",
        "serve.py": "import extra\n\n\ndef main(): extra.run()\n",
    },
    "script part of another module": {
        "app.py": f"import jobs\n{HANDLER}",
        "jobs.py": f"def main():\n    import extra\n    extra.run(){MAIN}",
    },
    # --- type checkers
    "for type checkers": f"import typing as t\nif t.TYPE_CHECKING:\n    import extra\n{HANDLER}",
    "module that type checkers alone load": {
        "app.py": (
            f"from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import hints\n{HANDLER}"
        ),
        "hints.py": "import extra\n",
    },
    # --- constants and environment variables
    "constant": f"DEBUG = False\nif DEBUG:\n    import extra\n{HANDLER}",
    "constant of another module": {
        "app.py": f"import config\nif config.DEBUG:\n    import extra\n{HANDLER}",
        "config.py": "DEBUG = False\n",
    },
    "imported constant": {
        "app.py": f"from config import DEBUG\nif DEBUG:\n    import extra\n{HANDLER}",
        "config.py": "DEBUG = 0\n",
    },
    "constant of a class": {
        "app.py": f"from config import Config\nif Config.DEBUG:\n    import extra\n{HANDLER}",
        "config.py": "class Config:\n    DEBUG: bool = False\n",
    },
    "constant of an instance": (
        "class Settings:\n    debug = False\n\n\nsettings = Settings()\n"
        f"if settings.debug:\n    import extra\n{HANDLER}"
    ),
    "table of flags": f"FLAGS = {{'x': False}}\nif FLAGS['x']:\n    import extra\n{HANDLER}",
    "variable that is not set": (
        f"import os\nif os.environ.get('TRACING') == '1':\n    import extra\n{HANDLER}"
    ),
    "variable by getenv": f"import os\nif os.getenv('TRACING'):\n    import extra\n{HANDLER}",
    "variable by an imported name": (
        f"from os import environ\nif 'TRACING' in environ:\n    import extra\n{HANDLER}"
    ),
    "variable with a default": (
        "import os\nTRACING = os.environ.get('TRACING', 'false').lower() in ('1', 'true')\n"
        f"if TRACING:\n    import extra\n{HANDLER}"
    ),
    "variable as a number": (
        f"import os\nif int(os.environ.get('LEVEL', '0')) > 0:\n    import extra\n{HANDLER}"
    ),
    "variable with another value": (
        f"import os\nif os.environ['STAGE'] == 'dev':\n    import extra\n{HANDLER}"
    ),
    "variable in a function": (
        "import os\n\n\ndef handler(e, c):\n    tracing = os.environ.get('TRACING')\n"
        "    if tracing:\n        import extra\n    return {}\n"
    ),
    "variable in a function of its own": (
        "import os\n\n\ndef tracing():\n    return os.environ.get('TRACING') == '1'\n\n\n"
        "def handler(e, c):\n    if tracing():\n        import extra\n    return {}\n"
    ),
    "function that leaves at once": (
        "import os\n\n\ndef trace():\n    if not os.environ.get('TRACING'):\n        return\n"
        "    import extra\n    extra.run()\n\n\ndef handler(e, c):\n    trace()\n"
    ),
    "function called under a flag": (
        "import os\n\n\ndef trace():\n    import extra\n\n\ndef handler(e, c):\n"
        "    if os.environ.get('TRACING'):\n        trace()\n"
    ),
    "variable that only the SAM CLI sets": (
        f"import os\nif os.environ.get('AWS_SAM_LOCAL'):\n    import extra\n{HANDLER}"
    ),
    "outside Lambda": (
        f"import os\nif 'AWS_LAMBDA_FUNCTION_NAME' not in os.environ:\n    import extra\n{HANDLER}"
    ),
    "flag and data": (
        "import os\n\n\ndef handler(e, c):\n    if e.get('x') and os.environ.get('TRACING'):\n"
        "        import extra\n"
    ),
    "match on a variable": (
        "import os\n\n\ndef handler(e, c):\n    match os.environ.get('STORE', 'memory'):\n"
        "        case 'redis':\n            import extra\n        case _:\n            pass\n"
    ),
    # --- versions
    "version in a local variable": (
        "import lib\n\n\ndef handler(e, c):\n    major = int(lib.__version__.split('.')[0])\n"
        "    if major >= 2:\n        return lib.new()\n    return lib.old()\n"
    ),
    "version by metadata": (
        "import lib\nfrom importlib.metadata import version\n\nV2 = version('lib') >= '2'\n\n\n"
        "def handler(e, c):\n    return lib.new() if V2 else lib.old()\n"
    ),
    "version by packaging": (
        "import lib\nfrom packaging.version import Version\n\n\ndef handler(e, c):\n"
        "    if Version(lib.__version__) < Version('2'):\n        return lib.old()\n"
        "    return lib.new()\n"
    ),
    "version as a tuple": (
        "import lib\nV = tuple(int(p) for p in lib.__version__.split('.')[:2])\n\n\n"
        "def handler(e, c):\n    return lib.new() if V >= (2, 0) else lib.old()\n"
    ),
    "match on the version": (
        "import lib\n\n\ndef handler(e, c):\n    match lib.__version__.split('.')[0]:\n"
        "        case '1':\n            return lib.old()\n        case _:\n"
        "            return lib.new()\n"
    ),
    "table of versions": (
        "import lib\n\nAPI = {'1': lambda: lib.old(), '2': lambda: lib.new()}\n\n\n"
        "def handler(e, c):\n    return API[lib.__version__[0]]()\n"
    ),
    "table at the call": (
        "import lib\n\n\ndef handler(e, c):\n"
        "    return {1: lambda: lib.old(), 2: lambda: lib.new()}[int(lib.__version__[0])]()\n"
    ),
    "table of functions": (
        "import lib\n\n\ndef one():\n    return lib.old()\n\n\ndef two():\n"
        "    return lib.new()\n\n\nAPI = {1: one, 2: two}\n\n\ndef handler(e, c):\n"
        "    major = int(lib.__version__[0])\n    return API[major]()\n"
    ),
    "function for each version": (
        "import lib\nMAJOR = int(lib.__version__[0])\n\n\ndef one():\n    return lib.old()\n\n\n"
        "def two():\n    return lib.new()\n\n\n"
        "def handler(e, c):\n    return two() if MAJOR > 1 else one()\n"
    ),
    "guard by a variable": (
        "import lib\n\n\ndef handler(e, c):\n    has = hasattr(lib, 'old')\n    if has:\n"
        "        return lib.old()\n    return lib.new()\n"
    ),
    "guard by a function": (
        "import lib\n\n\ndef modern():\n    return hasattr(lib, 'new')\n\n\n"
        "def handler(e, c):\n    if modern():\n        return lib.new()\n    return lib.old()\n"
    ),
    # --- callers
    "factory whose caller catches": (
        "class Store:\n    def __init__(self):\n        import extra\n"
        "        self.x = extra.run()\n\n\ndef store():\n    try:\n        return Store()\n"
        "    except ImportError:\n"
        "        return None\n\n\ndef handler(e, c):\n    store()\n"
    ),
    "function whose caller catches": (
        "def load():\n    import extra\n    return extra\n\n\ndef handler(e, c):\n    try:\n"
        "        load()\n    except ModuleNotFoundError:\n        pass\n"
    ),
    "caller's caller catches": (
        "def load():\n    import extra\n    return extra\n\n\ndef outer():\n    return load()\n\n\n"
        "def handler(e, c):\n    try:\n        outer()\n    except ImportError:\n        pass\n"
    ),
    "caller in another module catches": {
        "app.py": (
            "from stores import Store\n\n\ndef handler(e, c):\n    try:\n        Store()\n"
            "    except ImportError:\n        pass\n"
        ),
        "stores.py": "class Store:\n    def __init__(self):\n        import extra\n",
    },
    "module whose importer catches": {
        "app.py": f"try:\n    import fast\nexcept ImportError:\n    fast = None\n\n\n{HANDLER}",
        "fast.py": "import extra\n",
    },
    "every caller catches": (
        "def load():\n    import extra\n\n\ndef handler(e, c):\n    try:\n        load()\n"
        "    except ImportError:\n        pass\n    try:\n        load()\n"
        "    except ImportError:\n        return 1\n"
    ),
    "caller suppresses": (
        "import contextlib\n\n\ndef load():\n    import extra\n\n\ndef handler(e, c):\n"
        "    with contextlib.suppress(ImportError):\n        load()\n"
    ),
}  # fmt: skip

BREAKS: dict[str, str | Files] = {
    "called by the script part and by the handler": (
        f"def main():\n    import extra\n\n\ndef handler(e, c):\n    main(){MAIN}"
    ),
    "handler that the script part calls": (
        "def handler(e, c):\n    import extra\n\n\nif __name__ == '__main__':\n"
        "    handler({}, None)\n"
    ),
    "script part of a module that another one uses": {
        "app.py": "import jobs\n\n\ndef handler(e, c):\n    jobs.main()\n",
        "jobs.py": f"def main():\n    import extra\n    extra.run(){MAIN}",
    },
    "script function that another module imports": {
        "app.py": "from jobs import main\n\n\ndef handler(e, c):\n    main()\n",
        "jobs.py": f"def main():\n    import extra\n    extra.run(){MAIN}",
    },
    "function in a table": (
        f"def main():\n    import extra\n\n\nACTIONS = {{'x': main}}\n\n\n"
        f"def handler(e, c):\n    ACTIONS[e['x']](){MAIN}"
    ),
    "function that nobody calls": f"{HANDLER}def late():\n    import extra\n",
    "constant that is on": f"TRACING = True\nif TRACING:\n    import extra\n{HANDLER}",
    "constant of another module that is on": {
        "app.py": (
            "import config\n\n\ndef handler(e, c):\n    if config.ON:\n        import extra\n"
        ),
        "config.py": "ON = True\n",
    },
    "constant that is set later": (
        "DEBUG = False\n\n\ndef on():\n    global DEBUG\n    DEBUG = True\n\n\n"
        "def handler(e, c):\n    on()\n    if DEBUG:\n        import extra\n"
    ),
    "constant that another module sets": {
        "app.py": "import config\nconfig.ON = 1\nif config.ON:\n    import extra\n" + HANDLER,
        "config.py": "ON = False\n",
    },
    "variable that is set": (
        f"import os\nif os.environ['STAGE'] == 'prod':\n    import extra\n{HANDLER}"
    ),
    "variable that the code sets": (
        "import os\nos.environ['TRACING'] = '1'\nif os.environ.get('TRACING'):\n    import extra\n"
        f"{HANDLER}"
    ),
    "variable that the code sets by default": (
        "import os\nos.environ.setdefault('TRACING', '1')\nif os.getenv('TRACING'):\n"
        f"    import extra\n{HANDLER}"
    ),
    "variable from a file": (
        "import os\nfrom dotenv import load_dotenv\nload_dotenv()\n"
        f"if os.getenv('TRACING'):\n    import extra\n{HANDLER}"
    ),
    "unless a variable is set": (
        f"import os\nif not os.getenv('OFFLINE'):\n    import extra\n{HANDLER}"
    ),
    "inside Lambda": (
        f"import os\nif os.environ.get('AWS_LAMBDA_FUNCTION_NAME'):\n    import extra\n{HANDLER}"
    ),
    "data": "def handler(e, c):\n    if e.get('x'):\n        import extra\n",
    "flag of an event": "def handler(e, c):\n    if e['flags'].TRACING:\n        import extra\n",
    "flag or data": (
        "import os\n\n\ndef handler(e, c):\n    if e.get('x') or os.environ.get('TRACING'):\n"
        "        import extra\n"
    ),
    "guard that knows too little": (
        "import lib\n\n\ndef handler(e, c):\n    major = int(lib.__version__.split('.')[0])\n"
        "    if major >= 3:\n        return lib.newest()\n    return lib.old()\n"
    ),
    "both sides of hasattr": (
        "import lib\n\n\ndef handler(e, c):\n    if hasattr(lib, 'newest'):\n"
        "        return lib.newest()\n    return lib.old()\n"
    ),
    "match that knows too little": (
        "import lib\n\n\ndef handler(e, c):\n    match lib.__version__.split('.')[0]:\n"
        "        case '3':\n            return lib.newest()\n        case _:\n"
        "            return lib.old()\n"
    ),
    "table whose entries are evaluated": (
        "import lib\n\n\ndef handler(e, c):\n"
        "    return {'1': lib.old, '2': lib.new}[lib.__version__[0]]()\n"
    ),
    "one caller does not catch": (
        "def load():\n    import extra\n\n\ndef handler(e, c):\n    try:\n        load()\n"
        "    except ImportError:\n        pass\n    load()\n"
    ),
    "caller catches something else": (
        "def load():\n    import extra\n\n\ndef handler(e, c):\n    try:\n        load()\n"
        "    except KeyError:\n        pass\n"
    ),
    "caller reports": (
        "def load():\n    import extra\n\n\ndef handler(e, c):\n    try:\n        load()\n"
        "    except ImportError as error:\n        raise RuntimeError from error\n"
    ),
    "caller catches, and its fallback is gone too": (
        "import lib\n\n\ndef load():\n    import extra\n\n\ndef handler(e, c):\n    try:\n"
        "        load()\n    except ImportError:\n        lib.old()\n"
    ),
    "function that is handed on": (
        "from threading import Thread\n\n\ndef load():\n    import extra\n\n\n"
        "def handler(e, c):\n    try:\n        load()\n    except ImportError:\n        pass\n"
        "    Thread(target=load).start()\n"
    ),
    "function that a decorator registers": (
        "import routes\n\n\n@routes.get('/x')\ndef main():\n    import extra\n\n\n"
        f"{HANDLER}{MAIN}"
    ),
}  # fmt: skip


@pytest.fixture
def workbench(tmp_path: Path) -> Workbench:
    return Workbench(tmp_path)


def breaks(workbench: Workbench, code: str | Files) -> list[str]:
    judgement = workbench.rollback(code, OLD, NEW, environment={"STAGE": "prod"})
    return [said(finding) for finding in judgement.findings]


@pytest.mark.parametrize("case", SAFE)
def test_what_never_runs_or_has_an_alternative_is_no_finding(
    workbench: Workbench, case: str
) -> None:
    assert breaks(workbench, SAFE[case]) == []


@pytest.mark.parametrize("case", BREAKS)
def test_what_can_run_is_one_finding(workbench: Workbench, case: str) -> None:
    assert len(breaks(workbench, BREAKS[case])) == 1
