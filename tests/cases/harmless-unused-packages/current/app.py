import idna
from cachetools import LRUCache

HOSTS = LRUCache(maxsize=10)


def handler(event, context):
    HOSTS[event["host"]] = idna.encode(event["host"]).decode("ascii")
    return {"host": HOSTS[event["host"]]}
