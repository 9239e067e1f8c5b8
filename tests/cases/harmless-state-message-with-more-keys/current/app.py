import json
import os

import boto3

sns = boto3.client("sns")
sqs = boto3.client("sqs")


def handler(event, context):
    order = json.loads(event["body"])
    message = {"id": order["id"], "sku": order["sku"]}
    sns.publish(TopicArn=os.environ["TOPIC"], Message=json.dumps(message))
    sqs.send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps(message))
    return {"statusCode": 201}
