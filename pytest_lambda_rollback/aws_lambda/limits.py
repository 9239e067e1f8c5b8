"""Lambda quotas on packages, configuration, events and responses.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html, and the lengths in
https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html. AWS counts 1,048,576 bytes
as a MB. Each bound belongs to what is allowed.
"""

from __future__ import annotations

from typing import Final

MB: Final = 1024 * 1024

LAYERS: Final = 5
UNZIPPED_BYTES: Final = 250 * MB
"""Code and layers of a version together."""
UPLOAD_BYTES: Final = 50 * MB
"""A zip that is sent with the request; a larger one is deployed through an S3 bucket."""
ENVIRONMENT_BYTES: Final = 4 * 1024
"""All environment variables of a version together."""
HANDLER_CHARACTERS: Final = 128
MEMORY_MB: Final = (128, 10_240)
TIMEOUT_S: Final = (1, 900)
EPHEMERAL_STORAGE_MB: Final = (512, 10_240)

EVENT_BYTES: Final = 6 * MB
"""The event of a synchronous invocation."""
RESPONSE_BYTES: Final = 6_291_556
"""AWS: "Response payload size exceeded maximum allowed payload size (6291556 bytes)."."""
STREAMED_RESPONSE_BYTES: Final = 200 * MB

RESERVED_VARIABLES: Final = frozenset(
    {
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_MAX_CONCURRENCY",
        "AWS_LAMBDA_METADATA_API",
        "AWS_LAMBDA_METADATA_TOKEN",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
    }
)
"""Environment variables that Lambda does not let a function's configuration set.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html. TZ is not among them: AWS
lists it as one that a function may set.
"""
