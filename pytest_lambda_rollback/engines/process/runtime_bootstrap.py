"""First program of a process of the process engine: AWS's bootstrap, on this machine's paths.

It is copied into a folder in place of /var/runtime and run from there as a script, so that
``sys.path`` is as Lambda makes it: the task root, the layers' folders, the runtime's folder, the
standard library. It must not import this package, and must run on every Python that a Lambda
runtime has. Its name there is ``bootstrap.py``, which AWS's client leaves out of stack traces.
"""

from __future__ import annotations

import os
import sys


def _end_with_the_parent(descriptor: int) -> None:
    """Have the kernel kill this process group when the other end of a pipe closes.

    That is when pytest ends, for any reason. No thread is needed for it, and unlike
    PR_SET_PDEATHSIG it does not depend on the thread of pytest that started this process.
    """
    import fcntl
    import signal

    set_signal = 10  # F_SETSIG, which the fcntl module does not name
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(descriptor, set_signal, signal.SIGKILL)
        flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_ASYNC | os.O_NONBLOCK)
        parent_is_gone = os.read(descriptor, 1) == b""
    except BlockingIOError:
        return
    except OSError:  # a kernel without it; the runtime still ends when its next call fails
        return
    if parent_is_gone:
        os._exit(1)


def _set_paths(task_root: str, opt: str) -> None:
    """Order of imports and ``.pth`` files as in AWS's /var/runtime/bootstrap.py."""
    import site

    site.setquit()
    site.sethelper()
    site.setcopyright()
    libraries = f"{opt}/python"
    packages = "{}/lib/python{}.{}/site-packages".format(libraries, *sys.version_info)
    if "PYTHONPATH" in os.environ:
        sys.path.insert(0, task_root)
        site.addsitedir(task_root)
    else:
        sys.path[:0] = [task_root, packages, libraries]
        for folder in (task_root, packages, libraries):
            site.addsitedir(folder)
        os.environ["PYTHONPATH"] = os.environ["LAMBDA_RUNTIME_DIR"]


def _main() -> None:
    opt, descriptor = sys.argv[1:]
    _end_with_the_parent(int(descriptor))
    _set_paths(os.environ["LAMBDA_TASK_ROOT"], opt)
    sys.argv = ["bootstrap", os.environ["_HANDLER"]]
    import importlib

    importlib.import_module("awslambdaric.__main__").main(sys.argv)


if __name__ == "__main__":
    _main()
