"""The values of a version's environment variables, where the user wants replays to have them.

They are secrets as often as not: whoever asks keeps them in memory, and nothing writes them.
"""

from __future__ import annotations

from pytest_lambda_rollback.aws.clients import Account
from pytest_lambda_rollback.aws.failures import reading
from pytest_lambda_rollback.aws.functions import region_of, unqualified
from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.published import PublishedVersion


def read_values(account: Account, version: PublishedVersion) -> tuple[tuple[str, str], ...]:
    """Sorted (name, value) of all variables: one request, GetFunctionConfiguration.

    Raises SourceError, also where Lambda could not decrypt them.
    """
    function, label = unqualified(version.arn), f"{version.function}:{version.version}"
    here = account.in_region(region_of(version.arn) or account.region)
    what = f"the environment of {label} cannot be read"
    with reading(what=what, action="lambda:GetFunctionConfiguration", resource=function):
        answer = here.client("lambda").get_function_configuration(
            FunctionName=function, Qualifier=version.version
        )
    environment = answer.get("Environment", {})
    error = environment.get("Error")
    if error:
        raise SourceError(
            what,
            why=f"Lambda could not decrypt it: {error.get('Message') or error.get('ErrorCode')}",
            do=f"Allow kms:Decrypt on the function's key, or give the values under "
            f"functions.{version.function}.environment",
        )
    variables = environment.get("Variables", {})
    return tuple(sorted((str(name), str(value)) for name, value in variables.items()))
