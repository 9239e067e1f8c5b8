PRICES = {"tea": 450}


def handler(event, context):
    return {"price": PRICES[event["sku"]]}
