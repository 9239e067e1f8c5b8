import importlib.util

import jwt

try:
    from werkzeug.urls import url_quote
except ImportError:
    from urllib.parse import quote as url_quote

try:
    import ujson as json
except ModuleNotFoundError:
    import json

if importlib.util.find_spec("orjson"):
    import orjson

    dumps = orjson.dumps
else:
    dumps = json.dumps


def handler(event, context):
    token = jwt.encode({}, "an-example-key-that-signs-nothing-real", algorithm="HS256")
    if hasattr(token, "decode"):
        token = token.decode("ascii")
    return {"url": url_quote(event["title"]), "token": token, "size": len(dumps(event))}
