"""Shareable test events of a function, from the EventBridge schema registry that Lambda uses.

The Lambda console and ``sam remote test-event`` keep them as examples in an OpenAPI document
("Testing Lambda functions in the console" in Lambda's developer guide). Only reads.
"""

from __future__ import annotations

from typing import Any, Final

from botocore.exceptions import ClientError

from pytest_lambda_rollback.aws.failures import reading

REGISTRY: Final = "lambda-testevent-schemas"


def document(client: Any, function: str) -> str | None:
    """The OpenAPI document's text, by the ``schemas`` client; ``None`` if there are no events.

    Raises SourceError if it may not be read.
    """
    with reading(
        what=f"the test events of function {function} cannot be read",
        action="schemas:DescribeSchema",
    ):
        try:
            answer = client.describe_schema(RegistryName=REGISTRY, SchemaName=f"_{function}-schema")
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "NotFoundException":
                return None
            raise
    return str(answer.get("Content", ""))
