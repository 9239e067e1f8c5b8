from acme.money import euros
from acme.prices import PRICES
from acme.stock import STOCK


def handler(event, context):
    return {"price": euros(PRICES[event["sku"]], digits=2), "stock": STOCK[event["sku"]]}
