"""Runs AWS's runtime client with the import path that a Lambda function sees.

Order: the function's code, the layers' ``lib/pythonX.Y/site-packages``, the layers'
``python``, the runtime's own packages (the directory of this file, which Python put
first), the standard library. A PYTHONPATH that the function's configuration sets takes
the place of the layer directories, as in Lambda.
"""

import os
import site
import sys


def layer_directories():
    """The import directories of the layers, the first to be searched first."""
    major, minor = sys.version_info[:2]
    return [f"/opt/python/lib/python{major}.{minor}/site-packages", "/opt/python"]


def main():
    """Put the import path in order, then serve invocations until killed."""
    directories = [os.environ["LAMBDA_TASK_ROOT"]]
    if "PYTHONPATH" not in os.environ:
        directories += layer_directories()
        os.environ["PYTHONPATH"] = os.environ["LAMBDA_RUNTIME_DIR"]
    sys.path[:0] = directories
    for directory in directories:
        site.addsitedir(directory)  # for .pth files

    import awslambdaric.__main__ as runtime_client

    runtime_client.main([directories[0], os.environ["_HANDLER"]])


main()
