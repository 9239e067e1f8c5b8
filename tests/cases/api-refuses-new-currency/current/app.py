import json

CURRENCIES = ("EUR", "USD", "JPY")


def handler(event, context):
    order = json.loads(event["body"])
    if order["currency"] not in CURRENCIES:
        return {"statusCode": 400, "body": json.dumps({"message": "unknown currency"})}
    return {"statusCode": 201, "body": json.dumps({"order": order["id"]})}
