import json
import os

import boto3

sqs = boto3.client("sqs")


def handler(event, context):
    parcel = json.loads(event["body"])
    sqs.send_message(
        QueueUrl=os.environ["QUEUE"],
        MessageBody=json.dumps(parcel),
        MessageAttributes={"carrier": {"DataType": "String", "StringValue": parcel["carrier"]}},
    )
    return {"statusCode": 202, "body": json.dumps({"parcel": parcel["parcel"]})}
