import idna
import orjson


def handler(event, context):
    order = orjson.loads(orjson.dumps(event))
    return {"order": order["id"], "host": idna.encode(order["host"]).decode("ascii")}
