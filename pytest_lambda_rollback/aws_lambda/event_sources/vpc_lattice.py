"""Amazon VPC Lattice.

"Lambda functions as targets in VPC Lattice" (event structure versions 2.0 and 1.0):
https://docs.aws.amazon.com/vpc-lattice/latest/ug/lambda-functions.html
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.event_sources.answers.http import HttpAnswers
from pytest_lambda_rollback.aws_lambda.event_sources.answers.malformed_http import lattice_fault
from pytest_lambda_rollback.aws_lambda.event_sources.api_gateway_http import only_headers
from pytest_lambda_rollback.aws_lambda.event_sources.interface import EventSource, has, member
from pytest_lambda_rollback.model.json_values import Json


def _recognises(event: Json) -> bool:
    if has(event, raw_path=str, method=str, query_string_parameters=dict):
        return True
    return has(member(event, "requestContext"), serviceNetworkArn=str)


VPC_LATTICE = EventSource(
    name="VPC Lattice",
    slug="lattice",
    recognises=_recognises,
    topics=(("method",), ("path",)),
    request_path="path",
    named_by_topics=True,
    payload=(("body",),),
    parameters=(("queryStringParameters",), ("query_string_parameters",)),
    answers=HttpAnswers(refuses=lattice_fault, reads_headers=only_headers),
)
