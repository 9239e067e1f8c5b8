import orjson
from orjson import OPT_INDENT_2, OPT_SORT_KEYS, JSONDecodeError


def handler(event, context):
    try:
        return {"text": orjson.dumps(event, option=OPT_SORT_KEYS | OPT_INDENT_2).decode()}
    except JSONDecodeError:
        return {"text": ""}
