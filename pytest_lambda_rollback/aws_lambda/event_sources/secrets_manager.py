"""Rotation of secrets by AWS Secrets Manager.

"Lambda rotation functions":
https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html

A function acts on the secret itself and raises to fail; nobody reads the answer.
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.event_sources.interface import EventSource, has, never_read

ROTATION = EventSource(
    name="Secrets Manager",
    slug="rotation",
    recognises=lambda event: has(event, Step=str, SecretId=str, ClientRequestToken=str),
    topics=(("Step",),),
    answer_is_read=never_read,
)
