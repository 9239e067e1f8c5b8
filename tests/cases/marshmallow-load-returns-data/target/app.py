import json

from marshmallow import Schema, fields


class OrderSchema(Schema):
    customer = fields.Str(required=True)
    amount = fields.Int(required=True)


def handler(event, context):
    order, errors = OrderSchema().load(json.loads(event["body"]))
    if errors:
        return {"statusCode": 400, "body": json.dumps({"message": "invalid order"})}
    return {"statusCode": 201, "body": json.dumps({"customer": order["customer"]})}
