from cachetools import LRUCache

PRICES = LRUCache(maxsize=100)


def handler(event, context):
    if event.get("refresh"):
        return rebuild()
    PRICES[event["sku"]] = 450
    return {"price": PRICES[event["sku"]]}


def rebuild():
    from cachetools.ttl import TTLCache

    return {"size": TTLCache(maxsize=100, ttl=60).maxsize}
