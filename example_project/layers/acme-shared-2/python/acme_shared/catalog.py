"""Prices, in cents."""

PRICES = {"mug": 1450, "tea": 690, "teapot": 3900}


def price_of(sku):
    return PRICES[sku]
