import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "vendor"))  # noqa: PTH118, PTH120

import acme_prices


def handler(event, context):
    return {"price": acme_prices.PRICES[event["sku"]]}
