from acme_shared.invoices import total


def handler(event, context):
    if "voucher" in event:
        return {"total": total(event["lines"], discount=event["voucher"])}
    return {"total": total(event["lines"])}
