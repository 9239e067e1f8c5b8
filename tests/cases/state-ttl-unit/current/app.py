import json
import os
import time

import boto3

sessions = boto3.resource("dynamodb").Table(os.environ["TABLE"])
DAY_S = 24 * 60 * 60


def handler(event, context):
    device = json.loads(event["body"])["device"]
    sessions.update_item(
        Key={"device": device},
        UpdateExpression="SET expires_at = :end ADD logins :one",
        ExpressionAttributeValues={":end": int(time.time()) + DAY_S, ":one": 1},
    )
    return {"statusCode": 204}
