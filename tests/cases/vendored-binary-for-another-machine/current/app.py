import json


def handler(event, context):
    return {"order": json.loads(json.dumps(event))["id"]}
