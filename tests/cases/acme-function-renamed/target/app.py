import json

from acme_shared import money


def handler(event, context):
    order = json.loads(event["body"])
    answer = {"order": order["id"], "total": money.format_amount(order["cents"])}
    return {"statusCode": 201, "body": json.dumps(answer)}
