import json
import os

import boto3

sns = boto3.client("sns")
sqs = boto3.client("sqs")


def handler(event, context):
    order = json.loads(event["body"])
    message = {"id": order["id"], "sku": order["sku"], "legacy_number": 7}
    attributes = {"source": {"DataType": "String", "StringValue": "orders-1"}}
    text = json.dumps(message)
    sns.publish(TopicArn=os.environ["TOPIC"], Message=text, MessageAttributes=attributes)
    sqs.send_message(QueueUrl=os.environ["QUEUE"], MessageBody=text, MessageAttributes=attributes)
    return {"statusCode": 201}
