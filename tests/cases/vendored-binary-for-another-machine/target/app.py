import orjson


def handler(event, context):
    return {"order": orjson.loads(orjson.dumps(event))["id"]}
