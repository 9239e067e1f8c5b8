import orjson


def handler(event, context):
    option = orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2
    return {"text": orjson.dumps(event, option=option).decode()}
