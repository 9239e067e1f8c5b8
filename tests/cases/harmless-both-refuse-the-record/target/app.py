import json


def handler(event, context):
    failures = []
    for record in event["Records"]:
        try:
            print("packed", json.loads(record["body"])["id"])
        except ValueError as error:
            print("refused", error)
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}
