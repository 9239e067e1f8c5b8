from acme_shared._money import format_price


def handler(event, context):
    return {"total": format_price(event["cents"]), "again": format_price(1)}
