import json


def handler(event, context):
    for record in event["Records"]:
        print("packed", json.loads(record["body"])["id"])
    return {"batchItemFailures": []}
