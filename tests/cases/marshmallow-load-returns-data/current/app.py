import json

from marshmallow import Schema, ValidationError, fields


class OrderSchema(Schema):
    customer = fields.Str(required=True)
    amount = fields.Int(required=True)


def handler(event, context):
    try:
        order = OrderSchema().load(json.loads(event["body"]))
    except ValidationError:
        return {"statusCode": 400, "body": json.dumps({"message": "invalid order"})}
    return {"statusCode": 201, "body": json.dumps({"customer": order["customer"]})}
