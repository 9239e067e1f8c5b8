"""Answers by which a function only turns an event away: it looked no further.

401, 403 and 404 for whoever reads an HTTP status (Lambda@Edge names it ``status``), a denial for
whoever reads an authorizer's answer:
https://docs.aws.amazon.com/apigateway/latest/developerguide/handle-errors-in-lambda-integration.html
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/lambda-generating-http-responses-in-requests.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html
https://docs.aws.amazon.com/appsync/latest/devguide/security-authz.html
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.event_sources.answers.http_members import status_of
from pytest_lambda_rollback.aws_lambda.event_sources.interface import Event
from pytest_lambda_rollback.model.json_values import Json

_STATUSES = (401, 403, 404)
DENIED = "a denial"
"""The refusal of an authorizer, which has no status."""


def refusal(event: Event, answer: Json) -> str | None:
    """``401``, or ``a denial``; ``None`` for an answer that refuses nothing, or is not read."""
    if not event.answer_is_read or not isinstance(answer, dict):
        return None
    status = status_of(answer)
    if status is None and event.source.slug == "cloudfront":
        status = status_of({"statusCode": answer.get("status")})
    if status in _STATUSES:
        return str(status)
    if answer.get("isAuthorized") is False or _denies(answer.get("policyDocument")):
        return DENIED
    return None


def _denies(policy: Json) -> bool:
    """True for a policy that allows nothing at all."""
    if not isinstance(policy, dict):
        return False
    found = policy.get("Statement")
    statements = found if isinstance(found, list) else [found]
    effects = [each.get("Effect") if isinstance(each, dict) else None for each in statements]
    return bool(effects) and all(effect == "Deny" for effect in effects)
