import json

import jsonschema

SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "dependentRequired": {"card": ["address"]},
}


def handler(event, context):
    try:
        jsonschema.validate(json.loads(event["body"]), SCHEMA)
    except jsonschema.ValidationError as error:
        return {"statusCode": 400, "body": json.dumps({"message": error.message})}
    return {"statusCode": 201, "body": json.dumps({"message": "ordered"})}
