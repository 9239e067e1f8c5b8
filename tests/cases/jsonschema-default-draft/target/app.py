import json

import jsonschema

SCHEMA = {"type": "object", "dependencies": {"card": ["address"]}}


def handler(event, context):
    try:
        jsonschema.validate(json.loads(event["body"]), SCHEMA)
    except jsonschema.ValidationError as error:
        return {"statusCode": 400, "body": json.dumps({"message": error.message})}
    return {"statusCode": 201, "body": json.dumps({"message": "ordered"})}
