"""The event sources that are known, and which of them sent an event.

A registry is a value: the built-in sources, and before them those of other plugins. An event that
no source surely recognises is of an unknown source, and its answer is judged by its own form.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

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
from pytest_lambda_rollback.aws_lambda.event_sources.interface import UNKNOWN, Event, EventSource
from pytest_lambda_rollback.errors import ConfigError
from pytest_lambda_rollback.model.json_values import Json, parse


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSources:
    """The known event sources; the first one that recognises an event is its source."""

    sources: tuple[EventSource, ...]

    def source_of(self, event: Json) -> EventSource:
        """The source of a parsed event; `UNKNOWN` where none recognises it."""
        return next((source for source in self.sources if source.recognises(event)), UNKNOWN)

    def recognise(self, event: bytes | None, invoked_by: str | None = None) -> Event:
        """The event as JSON text with its source; unknown for ``None`` and what is not JSON.

        ``invoked_by`` is what the configuration says of the reader of answers.
        """
        try:
            value = parse(event) if event is not None else None
        except ValueError:
            return Event(invoked_by=invoked_by)
        source = self.source_of(value)
        listed = value if isinstance(value, list) else []
        return Event(
            source=source,
            value=value if isinstance(value, dict) else {},
            elements=tuple(each if isinstance(each, dict) else {} for each in listed),
            invoked_by=invoked_by,
        )


BUILT_IN = EventSources(
    sources=(
        # Authorizers first: their events have members of the front ends' events.
        api_gateway_authorizers.API_GATEWAY_AUTHORIZER,
        api_gateway_authorizers.HTTP_API_AUTHORIZER,
        appsync.AUTHORIZER,
        sqs.SQS,
        sns.SNS,
        s3.S3,
        kinesis.KINESIS,
        dynamodb.DYNAMODB,
        kafka.KAFKA,
        amazon_mq.ACTIVEMQ,
        amazon_mq.RABBITMQ,
        documentdb.DOCUMENTDB,
        codecommit.CODECOMMIT,
        ses.SES,
        cloudfront.CLOUDFRONT,
        load_balancer.LOAD_BALANCER,
        vpc_lattice.VPC_LATTICE,
        api_gateway_websocket.WEBSOCKET,
        function_url.FUNCTION_URL,
        api_gateway_http.HTTP_API_2,
        api_gateway_http.HTTP_API_1,
        api_gateway_rest.REST_API,
        cognito.COGNITO,
        firehose.FIREHOSE,
        s3_batch.S3_BATCH,
        s3_object_lambda.S3_OBJECT_LAMBDA,
        eventbridge.EVENTBRIDGE,
        cloudwatch_logs.CLOUDWATCH_LOGS,
        cloudformation.CUSTOM_RESOURCE,
        codepipeline.CODEPIPELINE,
        aws_config.CONFIG,
        appsync.RESOLVER,
        lex.LEX,
        lex.LEX_V1,
        alexa.ALEXA,
        connect.CONNECT,
        secrets_manager.ROTATION,
        bedrock_agents.BEDROCK_AGENT,
        lambda_destinations.DESTINATION,
        cloudwatch_alarms.CLOUDWATCH_ALARM,
        codedeploy.CODEDEPLOY,
        iot_buttons.IOT_BUTTON,
        iot_provisioning.PROVISIONING_HOOK,
        client_vpn.CLIENT_VPN,
        iot_authorizers.IOT_AUTHORIZER,
        transfer_family.TRANSFER_FAMILY,
        cloudformation_macros.MACRO,
        kinesis_analytics.PREPROCESSING,
        kinesis_analytics.DELIVERY,
    )
)
"""The sources that the package knows itself."""


def composed(extras: Iterable[object]) -> EventSources:
    """The registry with the sources of plugins, which come before the built-in ones.

    ``extras`` has what each plugin returned, a sequence of event sources. Raises ConfigError for
    anything else.
    """
    added: list[EventSource] = []
    for each in extras:
        if not isinstance(each, Sequence) or isinstance(each, str):
            raise _unusable(each, "a sequence is expected")
        for source in each:
            if not isinstance(source, EventSource):
                raise _unusable(source, "an EventSource is expected")
            added.append(source)
    return EventSources(sources=(*added, *BUILT_IN.sources))


def _unusable(returned: object, expected: str) -> ConfigError:
    return ConfigError(
        f"a plugin returned {returned!r} for its event sources",
        why=expected,
        do="Correct or uninstall the plugin",
    )
