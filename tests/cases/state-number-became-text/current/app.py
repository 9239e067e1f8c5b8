import os
from decimal import Decimal

import boto3

invoices = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def handler(event, context):
    detail = event["detail"]
    if event["detail-type"] == "Invoice created":
        item = {"invoice": detail["invoice"], "amount": money(detail["amount"]), "fees": "0.00"}
        invoices.put_item(Item=item)
        return
    found = invoices.get_item(Key={"invoice": detail["invoice"]}).get("Item")
    if found is None:
        print("paid and archived:", detail["invoice"])
        return
    fees = Decimal(found["fees"]) + detail["fee"]
    if Decimal(found["amount"]) + fees > 60:
        print("tell the collector about", detail["invoice"])
    invoices.put_item(Item={**found, "amount": money(found["amount"]), "fees": money(fees)})


def money(value):
    return f"{Decimal(value):.2f}"
