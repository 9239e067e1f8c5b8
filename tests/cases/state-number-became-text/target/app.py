import os

import boto3

invoices = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def handler(event, context):
    detail = event["detail"]
    if event["detail-type"] == "Invoice created":
        item = {"invoice": detail["invoice"], "amount": detail["amount"], "fees": 0}
        invoices.put_item(Item=item)
        return
    found = invoices.get_item(Key={"invoice": detail["invoice"]}).get("Item")
    if found is None:
        print("paid and archived:", detail["invoice"])
        return
    fees = found["fees"] + detail["fee"]
    if found["amount"] + fees > 60:
        print("tell the collector about", detail["invoice"])
    invoices.put_item(Item={**found, "fees": fees})
