"""Recognising which AWS service sent an event, from the event alone, and the words it reads. Pure.

What a service does with a response differs: an HTTP front end answers its client, a poller reads
``batchItemFailures``, an asynchronous caller reads nothing. The rooms beside this one judge by
that; this one only says which it is. An event that is not surely of one source is of an unknown
one, and its response is compared like any other: what Step Functions, another function or an
SDK hands over has no form of its own. The forms are those of the sample events in the AWS Lambda
Developer Guide ("Invoking Lambda with events from other AWS services") and in the guides that
are named with each source.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from pytest_lambda_rollback.model.json_values import Json, parse

FAILURES = "batchItemFailures"

Object = dict[str, Json]


class Source(StrEnum):
    """Who sent an event; the value is the name in messages."""

    UNKNOWN = "its caller"
    REST_API = "API Gateway"
    """REST API with Lambda proxy integration."""
    HTTP_API_1 = "API Gateway (payload format 1.0)"
    HTTP_API_2 = "API Gateway (payload format 2.0)"
    WEBSOCKET = "API Gateway (WebSocket)"
    LOAD_BALANCER = "the load balancer"
    FUNCTION_URL = "the function URL"
    AUTHORIZER = "API Gateway's authorizer"
    """TOKEN or REQUEST, answered by an IAM policy."""
    AUTHORIZER_2 = "API Gateway's authorizer (format 2.0)"
    """HTTP API, answered by a simple response or an IAM policy."""
    APPSYNC_AUTHORIZER = "AppSync's authorizer"
    SQS = "SQS"
    KINESIS = "Kinesis"
    DYNAMODB = "DynamoDB"
    KAFKA = "Kafka"
    FIREHOSE = "Firehose"
    S3_BATCH = "S3 Batch Operations"
    COGNITO = "Cognito"
    SNS = "SNS"
    S3 = "S3"
    EVENTBRIDGE = "EventBridge"
    LOGS = "CloudWatch Logs"
    CLOUDFORMATION = "CloudFormation"
    QUEUE_BROKER = "Amazon MQ"
    DOCUMENTDB = "DocumentDB"
    CODECOMMIT = "CodeCommit"
    CODEPIPELINE = "CodePipeline"
    CONFIG = "AWS Config"


HTTP = frozenset(
    (
        Source.REST_API, Source.HTTP_API_1, Source.HTTP_API_2, Source.WEBSOCKET,
        Source.LOAD_BALANCER, Source.FUNCTION_URL,
    )
)  # fmt: skip
AUTHORIZERS = frozenset((Source.AUTHORIZER, Source.AUTHORIZER_2, Source.APPSYNC_AUTHORIZER))
POLLED = frozenset((Source.SQS, Source.KINESIS, Source.DYNAMODB, Source.KAFKA))
STREAMS = frozenset((Source.KINESIS, Source.DYNAMODB))

_UNREAD = frozenset(
    (
        # Asynchronous: the caller has its answer before the function runs, and what the function
        # returns goes at most to a destination that the configuration of a version, not its
        # code, decides ("Invoking a Lambda function asynchronously").
        Source.SNS, Source.S3, Source.EVENTBRIDGE, Source.LOGS, Source.CODECOMMIT,
        # These get their result by a call of their own: an upload to ResponseURL ("Custom
        # resource request and response reference" of CloudFormation), PutJobSuccessResult,
        # PutEvaluations.
        Source.CLOUDFORMATION, Source.CODEPIPELINE, Source.CONFIG,
        # Pollers without partial batch responses ("CreateEventSourceMapping",
        # FunctionResponseTypes): a batch fails by an error alone.
        Source.QUEUE_BROKER, Source.DOCUMENTDB,
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What is known of one event."""

    source: Source = Source.UNKNOWN
    value: Object = field(default_factory=dict, repr=False)
    """The event; empty for one that is not a JSON object."""

    @property
    def response_is_read(self) -> bool:
        """Whether anybody reads what the function returns; True where that is not known."""
        if self.source is Source.WEBSOCKET:
            return self.context.get("eventType") != "DISCONNECT"
        if self.source is Source.COGNITO:
            # "Custom sender Lambda triggers": no information is expected in the response.
            trigger = str(self.value["triggerSource"])
            return not trigger.startswith(("CustomEmailSender_", "CustomSMSSender_"))
        return self.source not in _UNREAD

    @property
    def context(self) -> Object:
        """The member ``requestContext``, empty where there is none."""
        return _object(self.value.get("requestContext"))

    @property
    def records(self) -> tuple[Object, ...]:
        """The members of ``Records``, ``records`` or ``tasks``, in the event's order."""
        for name in ("Records", "records", "tasks"):
            found = self.value.get(name)
            if isinstance(found, list):
                return tuple(_object(record) for record in found)
        return ()


def recognise(event: bytes | None) -> Event:
    """The source of an event; unknown for ``None`` and for what is not a JSON object."""
    if event is None:
        return Event()
    try:
        value = parse(event)
    except ValueError:
        return Event()
    if not isinstance(value, dict):
        return Event()
    return Event(source=_source(value), value=value)


def status_of(value: Json) -> int | None:
    """The HTTP status of an answer, which API Gateway also takes as text ("200")."""
    status = value.get("statusCode") if isinstance(value, dict) else None
    if isinstance(status, bool):
        return None
    if isinstance(status, str):
        return int(status) if status.isascii() and status.isdigit() and len(status) < 5 else None
    if isinstance(status, float):
        return int(status) if status.is_integer() else None
    return status if isinstance(status, int) else None


def _source(event: Object) -> Source:
    for found in (_authorizer(event), _polled(event), _front_end(event), _service(event)):
        if found is not Source.UNKNOWN:
            return found
    return Source.UNKNOWN


def _has(event: Object, **kinds: type) -> bool:
    return all(isinstance(event.get(name), kind) for name, kind in kinds.items())


def _object(value: Json) -> Object:
    return value if isinstance(value, dict) else {}


def _authorizer(event: Object) -> Source:
    """By the forms of "Input to an API Gateway Lambda authorizer" and of its sisters."""
    if event.get("type") in ("TOKEN", "REQUEST") and _has(event, methodArn=str):
        return Source.AUTHORIZER
    if event.get("type") == "REQUEST" and _has(event, routeArn=str, version=str):
        return Source.AUTHORIZER_2
    context = _object(event.get("requestContext"))
    if _has(event, authorizationToken=str) and _has(context, apiId=str, queryString=str):
        return Source.APPSYNC_AUTHORIZER
    return Source.UNKNOWN


_RECORDS = {
    "aws:sqs": Source.SQS,
    "aws:sns": Source.SNS,
    "aws:s3": Source.S3,
    "aws:kinesis": Source.KINESIS,
    "aws:dynamodb": Source.DYNAMODB,
    "aws:codecommit": Source.CODECOMMIT,
}
_POLLERS = {
    "aws:kafka": Source.KAFKA,
    "SelfManagedKafka": Source.KAFKA,
    "aws:mq": Source.QUEUE_BROKER,
    "aws:rmq": Source.QUEUE_BROKER,
    "aws:docdb": Source.DOCUMENTDB,
}


def _polled(event: Object) -> Source:
    records = event.get("Records")
    if isinstance(records, list) and records:
        each = [_object(record) for record in records]
        names = {str(record.get("eventSource", record.get("EventSource"))) for record in each}
        return _RECORDS.get(names.pop(), Source.UNKNOWN) if len(names) == 1 else Source.UNKNOWN
    return _POLLERS.get(str(event.get("eventSource")), Source.UNKNOWN)


def _front_end(event: Object) -> Source:
    """By ``requestContext``; VPC Lattice and others with one of their own stay unknown."""
    context = _object(event.get("requestContext"))
    if isinstance(context.get("elb"), dict):
        return Source.LOAD_BALANCER
    if _has(context, connectionId=str, eventType=str):
        return Source.WEBSOCKET
    if event.get("version") == "2.0" and isinstance(context.get("http"), dict):
        is_url = ".lambda-url." in str(context.get("domainName"))
        return Source.FUNCTION_URL if is_url else Source.HTTP_API_2
    if context and _has(event, httpMethod=str, path=str, resource=str):
        return Source.HTTP_API_1 if event.get("version") == "1.0" else Source.REST_API
    return Source.UNKNOWN


def _service(event: Object) -> Source:
    if _has(event, triggerSource=str, userPoolId=str, request=dict):
        return Source.COGNITO
    if _has(event, deliveryStreamArn=str, invocationId=str, records=list):
        return Source.FIREHOSE
    if _has(event, invocationSchemaVersion=str, invocationId=str, tasks=list):
        return Source.S3_BATCH
    if _has(event, **{"detail-type": str}, source=str, detail=dict, account=str):
        return Source.EVENTBRIDGE
    if _has(_object(event.get("awslogs")), data=str):
        return Source.LOGS
    if _has(event, RequestType=str, ResponseURL=str, StackId=str, LogicalResourceId=str):
        return Source.CLOUDFORMATION
    if isinstance(event.get("CodePipeline.job"), dict):
        return Source.CODEPIPELINE
    if _has(event, invokingEvent=str, resultToken=str):
        return Source.CONFIG
    return Source.UNKNOWN
