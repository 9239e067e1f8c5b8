import json
import os

import boto3

dynamodb = boto3.client("dynamodb")
TABLE = os.environ["TABLE"]
WORDS = {"NEW": "not paid yet", "PAID": "on its way to you"}


def handler(event, context):
    if "Records" in event:
        for record in event["Records"]:
            pay(json.loads(record["body"]))
        return None
    key = {"id": {"S": event["pathParameters"]["id"]}}
    item = dynamodb.get_item(TableName=TABLE, Key=key)["Item"]
    return {"statusCode": 200, "body": json.dumps({"status": WORDS[item["status"]["S"]]})}


def pay(payment):
    dynamodb.update_item(
        TableName=TABLE,
        Key={"id": {"S": payment["order"]}},
        UpdateExpression="SET #status = :status",
        ConditionExpression="#status = :new",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":status": {"S": "PAID"}, ":new": {"S": "NEW"}},
    )
