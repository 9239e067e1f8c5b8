import json


def handler(event, context):
    kind = event["headers"]["content-type"]
    if kind.startswith("multipart/form-data"):
        return {"statusCode": 415, "body": json.dumps({"type": kind.partition(";")[0]})}
    return {"statusCode": 200, "body": json.dumps({"name": json.loads(event["body"])["name"]})}
