import json
import os
import uuid

import boto3
from boto3.dynamodb.conditions import Key

wishes = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def handler(event, context):
    customer = event["pathParameters"]["customer"]
    if event["routeKey"].startswith("POST"):
        sku = json.loads(event["body"])["sku"]
        wishes.put_item(Item={"customer": customer, "wish": str(uuid.uuid4()), "sku": sku})
        return {"statusCode": 201}
    found = wishes.query(KeyConditionExpression=Key("customer").eq(customer))["Items"]
    return {"statusCode": 200, "body": json.dumps(sorted(wish["sku"] for wish in found))}
