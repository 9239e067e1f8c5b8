import json


def handler(event, context):
    failed = []
    for record in event["Records"]:
        try:
            print("packed", json.loads(record["body"])["id"])
        except json.JSONDecodeError:
            failed.append(record["messageId"])
    return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}
