from acme_config import CURRENCY, TAXES


def handler(event, context):
    return {"tax": event["net"] * TAXES[event["country"]] // 100, "currency": CURRENCY}
