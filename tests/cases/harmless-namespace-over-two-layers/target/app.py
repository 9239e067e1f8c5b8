import acme.stock
from acme import prices
from acme.money import euros


def handler(event, context):
    sku = event["sku"]
    return {"price": euros(prices.PRICES[sku]), "stock": acme.stock.STOCK[sku]}
