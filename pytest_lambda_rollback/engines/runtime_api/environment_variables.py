"""The environment variables of a Lambda execution environment.

What is defined: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
("Defined runtime environment variables"). The host's own variables are not known here, and no
engine may add them.
"""

from __future__ import annotations

from collections.abc import Collection

from pytest_lambda_rollback.aws_lambda.limits import RESERVED_VARIABLES
from pytest_lambda_rollback.model.versions import FunctionVersion

_DUMMY = "lambda-rollback-dummy"
_LEFT_TO_AN_IMAGE = ("LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT")
_DEFAULTS = (
    ("LANG", "en_US.UTF-8"),
    ("TZ", ":UTC"),
    # Nothing answers in a sealed environment: fail at once instead of trying for minutes.
    ("AWS_MAX_ATTEMPTS", "1"),
    ("AWS_EC2_METADATA_DISABLED", "true"),
)


def environment_of(
    version: FunctionVersion,
    *,
    runtime_api: str,
    task_root: str = "/var/task",
    runtime_dir: str = "/var/runtime",
    log_stream: str,
    handler: str | None = None,
    set_by_image: Collection[str] = (),
) -> tuple[tuple[str, str], ...]:
    """All variables of an execution environment of ``version``, sorted by name.

    ``runtime_api`` is ``host:port``. The function's own variables win over defaults and lose
    against reserved ones. PATH and the search paths for libraries and modules depend on the
    engine, which adds them unless the function sets them. ``handler`` is what ``_HANDLER`` says
    where the version does not. For a container image, ``set_by_image`` names the variables that
    the image sets: they win over defaults, and over where Lambda's base images keep code and
    runtime. No execution environment is named then, as only an image's own runtime can know it.
    """
    variables = {name: value for name, value in _DEFAULTS if name not in set_by_image}
    variables.update(
        (name, value)
        for name, value in version.configuration.environment
        if name not in RESERVED_VARIABLES
    )
    variables.update(
        {
            "_HANDLER": version.configuration.handler if handler is None else handler,
            "AWS_ACCESS_KEY_ID": _DUMMY,
            "AWS_DEFAULT_REGION": version.region,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{version.configuration.runtime}",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(version.configuration.memory_mb),
            "AWS_LAMBDA_FUNCTION_NAME": version.function,
            "AWS_LAMBDA_FUNCTION_VERSION": version.version,
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{version.function}",
            "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
            "AWS_LAMBDA_RUNTIME_API": runtime_api,
            "AWS_REGION": version.region,
            "AWS_SECRET_ACCESS_KEY": _DUMMY,
            "AWS_SESSION_TOKEN": _DUMMY,
            "LAMBDA_RUNTIME_DIR": runtime_dir,
            "LAMBDA_TASK_ROOT": task_root,
        }
    )
    if version.image is not None:
        del variables["AWS_EXECUTION_ENV"]
        for name in _LEFT_TO_AN_IMAGE:
            if name in set_by_image:
                del variables[name]
    return tuple(sorted(variables.items()))
