import hashlib
import json
import os

import boto3
from boto3.dynamodb.conditions import Attr

payments = boto3.resource("dynamodb").Table(os.environ["TABLE"])
charges = boto3.resource("sqs").Queue(os.environ["QUEUE"])


def handler(event, context):
    for record in event["Records"]:
        payment = json.loads(record["body"])
        if first_time(payment["order"]):
            charges.send_message(MessageBody=json.dumps(payment))


def first_time(text):
    key = hashlib.sha256(text.encode()).hexdigest()
    try:
        payments.put_item(Item={"key": key}, ConditionExpression=Attr("key").not_exists())
    except payments.meta.client.exceptions.ConditionalCheckFailedException:
        return False
    return True
