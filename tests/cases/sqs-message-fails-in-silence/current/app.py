import json
import logging


def handler(event, context):
    failures = []
    for record in event["Records"]:
        try:
            order = json.loads(record["body"])
            customer = order.get("customer_id") or order["customer"]["id"]
            print("packed", order["id"], "for", customer)
        except Exception:
            logging.exception("message %s", record["messageId"])
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}
