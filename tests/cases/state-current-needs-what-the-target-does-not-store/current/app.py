import json
import os
import time
import uuid

import boto3
from boto3.dynamodb.conditions import Key

wishes = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def handler(event, context):
    customer = event["pathParameters"]["customer"]
    if event["routeKey"].startswith("POST"):
        sku = json.loads(event["body"])["sku"]
        wish = {"customer": customer, "wish": str(uuid.uuid4()), "sku": sku}
        wishes.put_item(Item=wish | {"saved_at": int(time.time())})
        return {"statusCode": 201}
    found = wishes.query(KeyConditionExpression=Key("customer").eq(customer))["Items"]
    newest_first = sorted(found, key=lambda wish: wish["saved_at"], reverse=True)
    return {"statusCode": 200, "body": json.dumps([wish["sku"] for wish in newest_first])}
