import acme_shared
from acme_shared import format_amount


def handler(event, context):
    return {"total": format_amount(event["cents"]), "again": acme_shared.format_amount(1)}
