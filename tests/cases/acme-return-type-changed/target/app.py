import json

from acme_shared.invoices import total


def handler(event, context):
    lines = json.loads(event["body"])["lines"]
    return {"statusCode": 200, "body": json.dumps({"total": total(lines)})}
