from acme_shared.quotes import quote


def handler(event, context):
    found = quote(event["sku"], event["quantity"], currency="EUR")
    return {"sku": found.sku, "total": found.total}
