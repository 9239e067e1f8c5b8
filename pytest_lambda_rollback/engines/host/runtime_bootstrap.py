"""Python's part of /var/runtime, as AWS's: puts the import path in order, then serves events.

It is run as a script, from /var/runtime or a folder in its place, so that ``sys.path`` is as
Lambda makes it: the task root, the layers' folders, the runtime's folder, the standard library.
An argument names the folder in place of /opt. It must not import this package, and must run on
every Python that a Lambda runtime has. Its name there is ``bootstrap.py``, which AWS's client
leaves out of stack traces.
"""

from __future__ import annotations

import os
import site
import sys

# Instrumentation such as sentry-sdk finds the client by this name in __main__.
import awslambdaric.__main__ as awslambdaricmain  # type: ignore[import-untyped]


def set_paths(task_root: str, opt: str) -> None:
    """Order of imports and ``.pth`` files: the code, the layers, the runtime, the library."""
    libraries = f"{opt}/python"
    packages = "{}/lib/python{}.{}/site-packages".format(libraries, *sys.version_info)
    folders = [task_root]
    if "PYTHONPATH" not in os.environ:
        folders += [packages, libraries]
        os.environ["PYTHONPATH"] = os.environ["LAMBDA_RUNTIME_DIR"]
    sys.path[:0] = folders
    for folder in folders:
        site.addsitedir(folder)


def main() -> None:
    """Serve events until killed."""
    opt = sys.argv[1] if len(sys.argv) > 1 else "/opt"
    task_root = os.environ["LAMBDA_TASK_ROOT"]
    if sys.flags.no_site:  # exit(), help() and the like are there in Lambda
        site.setquit()
        site.sethelper()
        site.setcopyright()
    sys.argv = [sys.argv[0]]
    set_paths(task_root, opt)
    awslambdaricmain.main([task_root, os.environ["_HANDLER"]])


if __name__ == "__main__":
    main()
