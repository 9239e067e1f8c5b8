from acme_shared.invoices import total


def handler(event, context):
    if event.get("export"):
        return export(event["lines"])
    return {"total": total(event["lines"])}


def export(lines):
    from acme_shared.exports import as_csv

    return {"csv": as_csv(lines)}
