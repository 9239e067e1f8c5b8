"""A small shop, to be synthesised by "cdk synth"."""

from aws_cdk import (
    App,
    CfnOutput,
    Duration,
    Environment,
    NestedStack,
    RemovalPolicy,
    Size,
    Stack,
    Stage,
)
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_notifications as notifications
from constructs import Construct

ENVIRONMENT = Environment(account="123456789012", region="eu-west-1")


class Layers(Stack):
    def __init__(self, scope: Construct, name: str) -> None:
        super().__init__(scope, name, env=ENVIRONMENT)
        self.shared = lambda_.LayerVersion(
            self,
            "Shared",
            layer_version_name="acme-shared",
            code=lambda_.Code.from_asset("layer"),
            compatible_runtimes=[lambda_.Runtime.PYTHON_3_13],
        )


class Refunds(NestedStack):
    def __init__(self, scope: Construct, name: str, *, own: lambda_.ILayerVersion) -> None:
        super().__init__(scope, name)
        function(self, "Refunds", "refunds", layers=[own])


class Shop(Stack):
    def __init__(self, scope: Construct, name: str, *, shared: lambda_.ILayerVersion) -> None:
        super().__init__(scope, name, env=ENVIRONMENT)
        table = dynamodb.Table(
            self,
            "Table",
            partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING),
        )
        own = lambda_.LayerVersion(self, "Own", code=lambda_.Code.from_asset("layer"))
        metrics = lambda_.LayerVersion.from_layer_version_arn(
            self,
            "Metrics",
            f"arn:{self.partition}:lambda:{self.region}:123456789012:layer:metrics:7",
        )
        orders = function(
            self,
            "Orders",
            "orders",
            function_name="shop-orders",
            architecture=lambda_.Architecture.ARM_64,
            layers=[shared, own, metrics],
            environment={"TABLE": table.table_name, "LOG_LEVEL": "DEBUG"},
            memory_size=512,
            timeout=Duration.seconds(10),
            ephemeral_storage_size=Size.mebibytes(1024),
            log_retention=logs.RetentionDays.ONE_WEEK,
        )
        function(self, "Reports", "reports")
        lambda_.Function(
            self,
            "Notes",
            runtime=lambda_.Runtime.PYTHON_3_13,
            handler="index.handler",
            code=lambda_.Code.from_inline("def handler(event, context): return event"),
        )
        lambda_.DockerImageFunction(
            self, "Receipts", code=lambda_.DockerImageCode.from_image_asset("receipts")
        )
        bucket = s3.Bucket(
            self, "Uploads", auto_delete_objects=True, removal_policy=RemovalPolicy.DESTROY
        )
        bucket.add_event_notification(
            s3.EventType.OBJECT_CREATED, notifications.LambdaDestination(orders)
        )
        Refunds(self, "Nested", own=own)
        CfnOutput(self, "TableName", value=table.table_name)


def function(scope: Construct, name: str, folder: str, **more: object) -> lambda_.Function:
    return lambda_.Function(
        scope,
        name,
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="app.handler",
        code=lambda_.Code.from_asset(folder),
        **more,
    )


app = App()
Shop(app, "Shop", shared=Layers(app, "Layers").shared)
prod = Stage(app, "Prod", env=ENVIRONMENT)
billing = Stack(prod, "Billing", env=ENVIRONMENT)
function(billing, "Billing", "orders")
app.synth()
