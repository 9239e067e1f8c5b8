import json


def handler(event, context):
    order = json.loads(event["body"])
    answer = {"order": order["id"], "total": order["total"], "legacy_number": 7}
    return {"statusCode": 201, "body": json.dumps(answer)}
