"""Runs AWS's runtime client with the import path that a Lambda function sees.

Order from Python 3.11 on: the function's code, the layers' ``lib/pythonX.Y/site-packages``, the
layers' ``python``, the runtime's own packages (Python's site-packages), /var/runtime (the
directory of this file, which Python put first), the standard library. A PYTHONPATH that the
function's configuration sets, even an empty one, takes the place of the layer directories, as in
Lambda; it then stands after /var/runtime, and the runtime's own packages come last.

As in AWS's file of this name, the client is imported at module level under the name
``awslambdaricmain``: tools that wrap a handler look for it in ``__main__``.
"""

import os
import site
import sys

import awslambdaric.__main__ as awslambdaricmain


def layer_directories():
    """The import directories of the layers, the first to be searched first."""
    major, minor = sys.version_info[:2]
    return [f"/opt/python/lib/python{major}.{minor}/site-packages", "/opt/python"]


def own_packages():
    """The directory of the packages that AWS brings."""
    return "{}/lib/python{}.{}/site-packages".format(sys.prefix, *sys.version_info)


def main():
    """Put the import path in order, then serve invocations until killed."""
    task_root = os.environ["LAMBDA_TASK_ROOT"]
    directories = [task_root]
    if "PYTHONPATH" in os.environ:
        sys.path.insert(0, task_root)
    else:
        directories += layer_directories()
        sys.path[:0] = [*directories, own_packages()]
        os.environ["PYTHONPATH"] = os.environ["LAMBDA_RUNTIME_DIR"]
    for directory in directories:
        site.addsitedir(directory)  # for .pth files
    awslambdaricmain.main([task_root, os.environ["_HANDLER"]])


if __name__ == "__main__":
    main()
