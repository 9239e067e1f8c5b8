from acme_shared.invoices import total


def handler(event, context):
    return {"total": total(event["lines"]) - event.get("voucher", 0)}
