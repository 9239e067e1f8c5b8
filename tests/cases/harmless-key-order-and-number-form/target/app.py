import json


def handler(event, context):
    body = json.dumps({"total": 10.0, "lines": [{"price": 5, "sku": "tea"}], "id": "A-1"}, indent=2)
    return {"body": body, "statusCode": 200}
