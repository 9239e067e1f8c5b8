"""AWS AppSync: Lambda authorizers, and direct Lambda resolvers.

"AWS_LAMBDA authorization" (``isAuthorized``, ``deniedFields`` by name or ARN, ``resolverContext``
without nested values, ``ttlOverride``):
https://docs.aws.amazon.com/appsync/latest/devguide/security-authz.html#aws-lambda-authorization
The event of a direct resolver is the resolver's context, or a list of them for a batch:
https://docs.aws.amazon.com/appsync/latest/devguide/resolver-context-reference.html
https://docs.aws.amazon.com/appsync/latest/devguide/tutorial-lambda-resolvers.html
Amplify's resolvers send ``typeName`` and ``fieldName`` along with ``arguments``:
https://docs.amplify.aws/gen1/javascript/build-a-backend/graphqlapi/custom-business-logic/
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.event_sources.answers.authorizers import AuthorizerAnswers
from pytest_lambda_rollback.aws_lambda.event_sources.answers.resolvers import ResolverAnswers
from pytest_lambda_rollback.aws_lambda.event_sources.interface import EventSource, has, member
from pytest_lambda_rollback.model.json_values import Json


def _is_authorization(event: Json) -> bool:
    context = member(event, "requestContext")
    return has(event, authorizationToken=str) and has(context, apiId=str, queryString=str)


def _is_resolver(event: Json) -> bool:
    if isinstance(event, list):
        return bool(event) and all(map(_is_context, event))
    return _is_context(event)


_CONTEXT = frozenset(("arguments", "source", "identity", "request", "prev", "stash"))


def _is_context(value: Json) -> bool:
    if has(value, field=str) and ("source" in value or "arguments" in value):
        return True  # the payload of the documented request functions
    if has(value, typeName=str, fieldName=str, arguments=dict):
        return True  # Amplify's payload
    if not has(member(value, "info"), fieldName=str):
        return False
    return isinstance(value, dict) and bool(_CONTEXT & value.keys())


AUTHORIZER = EventSource(
    name="AppSync's authorizer",
    slug="authorizer",
    recognises=_is_authorization,
    topics=(("requestContext", "operationName"),),
    answers=AuthorizerAnswers(takes_policy=False, flat_context="resolverContext"),
)
RESOLVER = EventSource(
    name="AppSync",
    slug="appsync",
    recognises=_is_resolver,
    topics=(("info", "fieldName"), ("*", "info", "fieldName"), ("field",)),
    answers=ResolverAnswers(),
    qualifiers=(("info", "parentTypeName"), ("*", "info", "parentTypeName")),
    payload=(("arguments",), ("*", "arguments")),
)
