import json
import os

import boto3

customers = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def handler(event, context):
    key = {"id": event["pathParameters"]["id"]}
    if event["routeKey"].startswith("PUT"):
        body = json.loads(event["body"])
        customers.update_item(
            Key=key,
            UpdateExpression="SET address = :address",
            ExpressionAttributeValues={
                ":address": {"street": body["street"], "city": body["city"]}
            },
        )
        return {"statusCode": 204}
    customer = customers.get_item(Key=key)["Item"]
    address = customer["address"]
    if isinstance(address, dict):
        address = f"{address['street']}, {address['city']}"
    label = [customer["name"], *address.split(", ")]
    return {"statusCode": 200, "body": json.dumps({"label": label})}
