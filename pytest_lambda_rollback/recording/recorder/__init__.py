"""The recorder that users put into their function. Nothing of this package imports it.

It is one file without dependencies, ``lambda_rollback_recorder.py``, to copy beside a function's
code or to bring as a layer.
"""

from __future__ import annotations

import importlib.resources
import io
import zipfile
from typing import Final

MEMBER: Final = "python/lambda_rollback_recorder.py"
"""Lambda unpacks a layer to /opt, and looks for Python modules in /opt/python."""
HANDLER: Final = "lambda_rollback_recorder.handler"
"""The handler to configure; LAMBDA_ROLLBACK_HANDLER then names the function's own."""
_MODE: Final = 0o100644


def recorder_source() -> bytes:
    """The source of the recorder."""
    folder = importlib.resources.files("pytest_lambda_rollback.recording.recorder")
    return (folder / "lambda_rollback_recorder.py").read_bytes()


def layer_zip() -> bytes:
    """The layer as a zip; the same bytes each time."""
    info = zipfile.ZipInfo(MEMBER, date_time=(1980, 1, 1, 0, 0, 0))
    info.external_attr = _MODE << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(info, recorder_source())
    return packed.getvalue()
