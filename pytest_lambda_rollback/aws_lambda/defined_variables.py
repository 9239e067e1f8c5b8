"""Environment variables that Lambda's Python runtimes define, as far as code can rely on them.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html ("Defined runtime
environment variables"). ``AWS_SAM_LOCAL`` is set by the SAM CLI alone
(https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/using-sam-cli-local-invoke.html).
"""

from __future__ import annotations

from typing import Final

from pytest_lambda_rollback.aws_lambda.limits import RESERVED_VARIABLES

PRESENT: Final = (RESERVED_VARIABLES - {"AWS_ACCESS_KEY", "AWS_LAMBDA_MAX_CONCURRENCY"}) | {
    "LANG", "LD_LIBRARY_PATH", "PATH", "PYTHONPATH", "TZ",
}  # fmt: skip
"""Set in every execution environment, whatever their values are."""

_UNSURE_PREFIXES: Final = ("AWS_", "_", "LAMBDA_", "PYTHON", "LD_", "XDG_", "LC_")
_UNSURE: Final = frozenset({"HOME", "HOSTNAME", "USER", "PWD", "SHLVL", "TMPDIR", "SSL_CERT_FILE"})


def may_be_set(name: str) -> bool:
    """True for a variable that Lambda, or what starts Python there, may set without being asked."""
    return name not in NEVER and (name in _UNSURE or name.startswith(_UNSURE_PREFIXES))


NEVER: Final = frozenset({"AWS_SAM_LOCAL"})
"""Never set by Lambda, though its name says AWS."""
