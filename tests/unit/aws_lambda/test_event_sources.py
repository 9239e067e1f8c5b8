"""Event sources: which one sent an event, and what it says of the event and its answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from helpers import made_events as made
from pytest_lambda_rollback.aws_lambda.event_sources import (
    alexa,
    amazon_mq,
    api_gateway_authorizers,
    api_gateway_http,
    api_gateway_rest,
    api_gateway_websocket,
    appsync,
    aws_config,
    bedrock_agents,
    client_vpn,
    cloudformation,
    cloudformation_macros,
    cloudfront,
    cloudwatch_alarms,
    cloudwatch_logs,
    codecommit,
    codedeploy,
    codepipeline,
    cognito,
    connect,
    documentdb,
    dynamodb,
    eventbridge,
    firehose,
    function_url,
    iot_authorizers,
    iot_buttons,
    iot_provisioning,
    kafka,
    kinesis,
    kinesis_analytics,
    lambda_destinations,
    lex,
    load_balancer,
    s3,
    s3_batch,
    s3_object_lambda,
    secrets_manager,
    ses,
    sns,
    sqs,
    transfer_family,
    vpc_lattice,
)
from pytest_lambda_rollback.aws_lambda.event_sources.interface import (
    UNKNOWN,
    Event,
    EventSource,
    covers,
    values_at,
)
from pytest_lambda_rollback.aws_lambda.event_sources.registry import BUILT_IN, composed
from pytest_lambda_rollback.errors import ConfigError


def websocket(event_type: str) -> dict[str, Any]:
    context = {"connectionId": "c", "eventType": event_type, "routeKey": "$x"}
    return {"requestContext": context, "body": "hi"}


MQ = {"eventSource": "aws:mq", "messages": [{"messageType": "jms/text-message", "data": "aGk="}]}
RABBIT = {"eventSource": "aws:rmq", "rmqMessagesByQueue": {"orders::/": [{"data": "aGk="}]}}
DOCUMENTDB = {
    "eventSourceArn": "arn:aws:rds:x", "eventSource": "aws:docdb",
    "events": [{"event": {"operationType": "insert", "fullDocument": {"a": 1}}}],
}  # fmt: skip
KAFKA = {**made.KAFKA, "records": {"orders-0": [{"topic": "orders", "value": "aGk="}]}}
S3 = {"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": {"a": 1}}]}
CODECOMMIT = {
    "Records": [
        {"eventSource": "aws:codecommit", "eventName": "ReferenceChanges",
         "codecommit": {"references": []}}
    ]
}  # fmt: skip
SES = {"Records": [{"eventSource": "aws:ses", "ses": {"mail": {"a": 1}, "receipt": {}}}]}
CLOUDFRONT = {
    "Records": [{"cf": {"config": {"eventType": "viewer-request"}, "request": {"uri": "/"}}}]
}
LATTICE = {
    "version": "2.0", "path": "/orders", "method": "GET", "body": "hi",
    "requestContext": {"serviceNetworkArn": "arn:aws:vpc-lattice:x"},
}  # fmt: skip
LATTICE_1 = {
    "raw_path": "/orders", "method": "GET", "headers": {}, "query_string_parameters": {},
    "body": "hi", "is_base64_encoded": False,
}  # fmt: skip
RESOLVER = {
    "arguments": {"id": "1"}, "identity": None, "source": None, "request": {"headers": {}},
    "prev": None, "info": {"parentTypeName": "Query", "fieldName": "getOrder"}, "stash": {},
}  # fmt: skip
OBJECT_LAMBDA = {
    "xAmzRequestId": "1", "getObjectContext": {"outputToken": "t"}, "userRequest": {"url": "u"},
}  # fmt: skip
OBJECT_LAMBDA_HEAD = {
    "xAmzRequestId": "1", "headObjectContext": {"inputS3Url": "u"}, "userRequest": {"url": "u"},
}  # fmt: skip
ALARM = {
    "source": "aws.cloudwatch", "alarmArn": "arn:aws:cloudwatch:x", "accountId": "123456789012",
    "alarmData": {"alarmName": "late", "state": {"value": "ALARM"}},
}  # fmt: skip
DESTINATION = {
    "version": "1.0", "timestamp": "2026-03-12T19:03:58.000Z",
    "requestContext": {"functionArn": "arn:aws:lambda:x", "condition": "RetriesExhausted"},
    "requestPayload": {"a": 1}, "responsePayload": None,
}  # fmt: skip


def ses_event(invocation_type: str) -> dict[str, Any]:
    action = {"type": "Lambda", "invocationType": invocation_type}
    return {
        "Records": [
            {"eventSource": "aws:ses", "ses": {"mail": {"a": 1}, "receipt": {"action": action}}}
        ]
    }


LEX = {
    "sessionId": "1", "inputTranscript": "hi", "bot": {"name": "shop"}, "messageVersion": "1.0",
    "sessionState": {"intent": {"name": "OrderStatus"}}, "invocationSource": "DialogCodeHook",
}  # fmt: skip
LEX_1 = {
    "currentIntent": {"name": "OrderStatus"}, "bot": {"name": "shop"}, "userId": "1",
    "inputTranscript": "hi", "messageVersion": "1.0",
}  # fmt: skip
ALEXA = {
    "version": "1.0", "session": {"new": True}, "context": {"System": {}},
    "request": {"type": "IntentRequest", "intent": {"name": "OrderStatus"}},
}  # fmt: skip
CONNECT = {
    "Name": "ContactFlowEvent",
    "Details": {"ContactData": {"Channel": "VOICE"}, "Parameters": {"order": "1"}},
}
ROTATION = {"Step": "createSecret", "SecretId": "arn:aws:secretsmanager:x",
            "ClientRequestToken": "1"}  # fmt: skip
AGENT = {
    "messageVersion": "1.0", "agent": {"name": "shop"}, "actionGroup": "orders",
    "apiPath": "/orders", "httpMethod": "GET", "parameters": [{"name": "id"}],
}  # fmt: skip
CONFIG = {
    "invokingEvent": json.dumps({"messageType": "ScheduledNotification"}),
    "ruleParameters": "{}", "resultToken": "t", "configRuleName": "r",
}  # fmt: skip
PIPELINE = {
    "CodePipeline.job": {
        "id": "1",
        "data": {"actionConfiguration": {"configuration": {"UserParameters": "{}"}}},
    }
}
GRAPHQL_AUTHORIZER = {
    **made.APPSYNC_AUTHORIZER,
    "requestContext": {"apiId": "a", "queryString": "query { orders }", "operationName": "Orders"},
}


@pytest.mark.parametrize(
    ("event", "source", "name", "slug", "topic", "payload", "is_read"),
    [
        (made.REST_API, api_gateway_rest.REST_API,
         "API Gateway", "rest", "GET /orders", [None], True),
        (made.HTTP_API_1, api_gateway_http.HTTP_API_1,
         "API Gateway (payload format 1.0)", "rest", "GET /orders", [None], True),
        ({**made.HTTP_API_2, "body": "hi"}, api_gateway_http.HTTP_API_2,
         "API Gateway (payload format 2.0)", "http", "GET /orders", ["hi"], True),
        ({**made.FUNCTION_URL, "body": "hi"}, function_url.FUNCTION_URL,
         "the function URL", "http", "GET /orders", ["hi"], True),
        (made.LOAD_BALANCER, load_balancer.LOAD_BALANCER,
         "the load balancer", "alb", "GET /orders", [""], True),
        (LATTICE, vpc_lattice.VPC_LATTICE, "VPC Lattice", "lattice", "GET /orders", ["hi"], True),
        (LATTICE_1, vpc_lattice.VPC_LATTICE, "VPC Lattice", "lattice", "GET", ["hi"], True),
        (websocket("CONNECT"), api_gateway_websocket.WEBSOCKET,
         "API Gateway (WebSocket)", "websocket", "$x", ["hi"], True),
        (websocket("MESSAGE"), api_gateway_websocket.WEBSOCKET,
         "API Gateway (WebSocket)", "websocket", "$x", ["hi"], True),
        (websocket("DISCONNECT"), api_gateway_websocket.WEBSOCKET,
         "API Gateway (WebSocket)", "websocket", "$x", ["hi"], False),
        (made.TOKEN_AUTHORIZER, api_gateway_authorizers.API_GATEWAY_AUTHORIZER,
         "API Gateway's authorizer", "authorizer", "TOKEN", [], True),
        (made.REQUEST_AUTHORIZER, api_gateway_authorizers.API_GATEWAY_AUTHORIZER,
         "API Gateway's authorizer", "authorizer", "REQUEST GET /orders", [], True),
        (made.HTTP_AUTHORIZER, api_gateway_authorizers.HTTP_API_AUTHORIZER,
         "API Gateway's authorizer (format 2.0)", "authorizer", "REQUEST", [], True),
        (GRAPHQL_AUTHORIZER, appsync.AUTHORIZER,
         "AppSync's authorizer", "authorizer", "Orders", [], True),
        (RESOLVER, appsync.RESOLVER, "AppSync", "appsync", "Query getOrder", [{"id": "1"}], True),
        ([RESOLVER, RESOLVER], appsync.RESOLVER,
         "AppSync", "appsync", "Query getOrder", [{"id": "1"}] * 2, True),
        (made.sqs("m1", "m2"), sqs.SQS, "SQS", "sqs", "", ["{}", "{}"], True),
        (made.kinesis("1"), kinesis.KINESIS, "Kinesis", "kinesis", "", ["e30="], True),
        (made.dynamodb("1"), dynamodb.DYNAMODB, "DynamoDB", "dynamodb", "INSERT",
         [{"SequenceNumber": "1", "Keys": {}}], True),
        (KAFKA, kafka.KAFKA, "Kafka", "kafka", "", ["aGk="], True),
        ({**KAFKA, "eventSource": "SelfManagedKafka"}, kafka.KAFKA,
         "Kafka", "kafka", "", ["aGk="], True),
        (made.FIREHOSE, firehose.FIREHOSE, "Firehose", "firehose", "", ["e30=", "e30="], True),
        (made.S3_BATCH, s3_batch.S3_BATCH, "S3 Batch Operations", "s3-batch", "",
         [made.S3_BATCH["tasks"]], True),
        (made.cognito("PreSignUp_SignUp"), cognito.COGNITO, "Cognito", "cognito",
         "PreSignUp_SignUp", [{"userAttributes": {"sub": "1"}}], True),
        (made.cognito("CustomMessage_SignUp"), cognito.COGNITO, "Cognito", "cognito",
         "CustomMessage_SignUp", [{"userAttributes": {"sub": "1"}}], True),
        (made.cognito("CustomEmailSender_SignUp"), cognito.COGNITO, "Cognito", "cognito",
         "CustomEmailSender_SignUp", [{"userAttributes": {"sub": "1"}}], False),
        (made.SNS, sns.SNS, "SNS", "sns", "", ["hi"], False),
        (S3, s3.S3, "S3", "s3", "ObjectCreated:Put", [{"a": 1}], False),
        (made.EVENTBRIDGE, eventbridge.EVENTBRIDGE,
         "EventBridge", "eventbridge", "shop Order placed", [{}], False),
        (made.SCHEDULED, eventbridge.EVENTBRIDGE,
         "EventBridge", "eventbridge", "aws.events Scheduled Event", [{}], False),
        (made.LOGS, cloudwatch_logs.CLOUDWATCH_LOGS,
         "CloudWatch Logs", "logs", "", ["H4sIAAAA"], False),
        (made.CUSTOM_RESOURCE, cloudformation.CUSTOM_RESOURCE,
         "CloudFormation", "cloudformation", "Create", [{}], False),
        (MQ, amazon_mq.ACTIVEMQ, "Amazon MQ", "mq", "", ["aGk="], False),
        (RABBIT, amazon_mq.RABBITMQ, "Amazon MQ", "mq", "", ["aGk="], False),
        (DOCUMENTDB, documentdb.DOCUMENTDB, "DocumentDB", "documentdb", "insert",
         [{"operationType": "insert", "fullDocument": {"a": 1}}], False),
        (CODECOMMIT, codecommit.CODECOMMIT,
         "CodeCommit", "codecommit", "ReferenceChanges", [{"references": []}], False),
        (PIPELINE, codepipeline.CODEPIPELINE, "CodePipeline", "codepipeline", "", ["{}"], False),
        (CONFIG, aws_config.CONFIG, "AWS Config", "config", "ScheduledNotification",
         [CONFIG["invokingEvent"]], False),
        (SES, ses.SES, "SES", "ses", "", [{"a": 1}], False),
        (ses_event("Event"), ses.SES, "SES", "ses", "", [{"a": 1}], False),
        (ses_event("RequestResponse"), ses.SES, "SES", "ses", "", [{"a": 1}], True),
        (CLOUDFRONT, cloudfront.CLOUDFRONT,
         "CloudFront", "cloudfront", "viewer-request", [{"uri": "/"}], True),
        (OBJECT_LAMBDA, s3_object_lambda.S3_OBJECT_LAMBDA,
         "S3 Object Lambda", "s3-object-lambda", "", [{"url": "u"}], False),
        ({**OBJECT_LAMBDA_HEAD}, s3_object_lambda.S3_OBJECT_LAMBDA,
         "S3 Object Lambda", "s3-object-lambda", "", [{"url": "u"}], True),
        (LEX, lex.LEX, "Lex", "lex", "OrderStatus", [LEX["sessionState"]], True),
        (LEX_1, lex.LEX_V1, "Lex (V1)", "lex", "OrderStatus", [LEX_1["currentIntent"]], True),
        (ALEXA, alexa.ALEXA, "Alexa", "alexa", "IntentRequest OrderStatus",
         [ALEXA["request"]], True),
        (CONNECT, connect.CONNECT, "Connect", "connect", "VOICE", [{"order": "1"}], True),
        (ROTATION, secrets_manager.ROTATION,
         "Secrets Manager", "rotation", "createSecret", [], False),
        (AGENT, bedrock_agents.BEDROCK_AGENT,
         "Bedrock", "bedrock", "orders GET /orders", [[{"name": "id"}]], True),
        ({**MQ, "eventSource": "aws:amq"}, amazon_mq.ACTIVEMQ,
         "Amazon MQ", "mq", "", ["aGk="], False),
        ({**KAFKA, "eventSource": "aws:SelfManagedKafka"}, kafka.KAFKA,
         "Kafka", "kafka", "", ["aGk="], True),
        ({**made.EVENTBRIDGE, "source": "aws.scheduler", "detail": "{}"},
         eventbridge.EVENTBRIDGE, "EventBridge", "eventbridge", "aws.scheduler Order placed",
         ["{}"], False),
        ({**made.EVENTBRIDGE, "replay-name": "r"}, eventbridge.EVENTBRIDGE,
         "EventBridge", "eventbridge", "shop Order placed", [{}], False),
        ({**made.EVENTBRIDGE, "priced": {"total": 1}}, eventbridge.EVENTBRIDGE,
         "EventBridge", "eventbridge", "shop Order placed", [{}], True),
        ({**made.CUSTOM_RESOURCE, "ResponseURL": "..."}, cloudformation.CUSTOM_RESOURCE,
         "CloudFormation", "cloudformation", "Create", [{}], True),
        (ALARM, cloudwatch_alarms.CLOUDWATCH_ALARM,
         "CloudWatch alarms", "alarm", "late", [ALARM["alarmData"]], False),
        ({"DeploymentId": "d-1", "LifecycleEventHookExecutionId": "x"}, codedeploy.CODEDEPLOY,
         "CodeDeploy", "codedeploy", "", [], False),
        (DESTINATION, lambda_destinations.DESTINATION, "a destination", "destination",
         "RetriesExhausted", [{"a": 1}, None], False),
        ({"serialNumber": "G030", "batteryVoltage": "1600mV", "clickType": "SINGLE"},
         iot_buttons.IOT_BUTTON, "the IoT button", "button", "SINGLE", [], False),
        ({"deviceEvent": {"buttonClicked": {"clickType": "LONG"}}, "deviceInfo": {}},
         iot_buttons.IOT_BUTTON, "the IoT button", "button", "LONG", [], False),
        (made.PROVISIONING, iot_provisioning.PROVISIONING_HOOK,
         "AWS IoT", "provisioning", "", [{"SerialNumber": "1"}], True),
        (made.CLIENT_VPN, client_vpn.CLIENT_VPN, "Client VPN", "authorizer", "", [], True),
        ({"token": "t", "protocols": ["mqtt"], "protocolData": {}}, iot_authorizers.IOT_AUTHORIZER,
         "AWS IoT's authorizer", "authorizer", "", [], True),
        ({"username": "ann", "protocol": "SFTP", "serverId": "s-1"},
         transfer_family.TRANSFER_FAMILY, "Transfer Family", "authorizer", "SFTP", [], True),
        ({"transformId": "1::Upper", "requestId": "1", "fragment": {"Resources": {}}},
         cloudformation_macros.MACRO, "CloudFormation", "macro", "1::Upper",
         [{"Resources": {}}], True),
        ([{"field": "related", "source": {"id": "1"}}], appsync.RESOLVER,
         "AppSync", "appsync", "", [], True),
        ([{"source": {"id": "1"}, "info": {"parentTypeName": "Post", "fieldName": "related"}}] * 2,
         appsync.RESOLVER, "AppSync", "appsync", "Post related", [], True),
        ({"field": "related", "arguments": {"id": "1"}}, appsync.RESOLVER,
         "AppSync", "appsync", "related", [{"id": "1"}], True),
        ({"typeName": "Query", "fieldName": "getOrder", "arguments": {"id": "1"}},
         appsync.RESOLVER, "AppSync", "appsync", "", [{"id": "1"}], True),
        (made.PREPROCESSING, kinesis_analytics.PREPROCESSING,
         "Kinesis Data Analytics", "analytics", "", ["e30="], True),
        (made.DELIVERY, kinesis_analytics.DELIVERY,
         "Kinesis Data Analytics", "analytics", "", ["e30="], True),
    ],
)  # fmt: skip
def test_source(
    event: Any,
    source: EventSource,
    name: str,
    slug: str,
    topic: str,
    payload: list[Any],
    is_read: bool,
) -> None:
    found = made.recognised(event)
    assert found.source is source
    assert (source.name, source.slug, source.topic(event)) == (name, slug, topic)
    assert [each for place in source.payload for each in values_at(event, place)] == payload
    assert found.answer_is_read is is_read
    others = [each for each in BUILT_IN.sources if each is not source and each.recognises(event)]
    # Others that recognise it too must come later in the registry.
    assert all(BUILT_IN.sources.index(each) > BUILT_IN.sources.index(source) for each in others), (
        others
    )


def test_every_built_in_source_is_in_the_table() -> None:
    marks = [mark for mark in test_source.pytestmark if mark.name == "parametrize"]  # type: ignore[attr-defined]
    assert {case[1] for case in marks[0].args[1]} == set(BUILT_IN.sources)


@pytest.mark.parametrize(
    "event",
    [
        # what could be anybody's: a state of Step Functions, another function, an SDK
        {},
        {"order": 1},
        {"Records": []},
        {"Records": ["aws:sqs"]},
        {"Records": made.S3["Records"] + made.sqs("m1")["Records"]},
        {"Records": [{"cf": {}}]},
        {"version": "2.0", "requestContext": {"authorizer": {}}},
        {"httpMethod": "GET", "requestContext": {}},
        {"detail-type": "x", "detail": {}},
        {"type": "TOKEN"},
        {"authorizationToken": "x", "requestContext": {}},
        {"eventSource": ["aws:kafka"], "records": {}},
        [made.sqs("m1")],
        [],
        "aws:sqs",
        None,
    ],
)
def test_what_is_surely_of_no_source_is_of_an_unknown_one(event: object) -> None:
    found = made.recognised(event)
    assert found.source is UNKNOWN
    assert found.answer_is_read
    assert UNKNOWN.topic(found.value) == ""


@pytest.mark.parametrize("event", [None, b"", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_event_is_of_an_unknown_source(event: bytes | None) -> None:
    assert BUILT_IN.recognise(event) == Event()


@pytest.mark.parametrize(
    ("path", "is_payload"),
    [
        (("Records", 0, "body"), True),
        (("Records", 0, "body", "lines", 1), True),
        (("Records", 0, "messageAttributes", "kind"), True),
        (("Records", 0, "attributes", "SentTimestamp"), False),
        (("Records", 0), False),
        ((), False),
    ],
)
def test_payload_is_what_the_sender_wrote(path: tuple[str | int, ...], is_payload: bool) -> None:
    assert sqs.SQS.is_payload(path) is is_payload


def test_place_covers_paths_of_its_length() -> None:
    assert covers(("records", "*", "*", "value"), ("records", "orders-0", 3, "value"))
    assert not covers(("records", "*"), ("records",))
    assert not covers(("records", "*"), ("Records", 0))


# --- sources of others ----------------------------------------------------------------------


def test_sources_of_plugins_come_first() -> None:
    theirs = EventSource(name="Shop", slug="shop", recognises=lambda event: event == {"shop": 1})
    own_sqs = EventSource(name="our SQS", slug="sqs", recognises=sqs.SQS.recognises)
    sources = composed([[theirs], [own_sqs]])
    assert sources.source_of({"shop": 1}) is theirs
    assert sources.source_of(made.sqs("m1")) is own_sqs
    assert sources.source_of(made.kinesis("1")) is kinesis.KINESIS
    assert composed([]) == BUILT_IN


def test_what_is_not_a_source_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"returned 'sqs' .*: an EventSource is expected"):
        composed([["sqs"]])
    with pytest.raises(ConfigError, match=r"returned 'sqs' .*: a sequence is expected"):
        composed(["sqs"])


@pytest.mark.parametrize("slug", ["", "S3", "s3 batch", "../s3", "s3-"])
def test_slug_is_part_of_a_file_name(slug: str) -> None:
    with pytest.raises(ValueError, match="is not a valid slug"):
        EventSource(name="S3", slug=slug, recognises=lambda _: True)
