import json


def handler(event, context):
    headers = {"content-type": "application/json"}
    body = json.dumps({"orders": ["A-1", "A-2"]})
    return {"statusCode": 200, "headers": headers, "body": body}
