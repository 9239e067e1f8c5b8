import idna
from markupsafe import escape


def handler(event, context):
    return {"host": str(escape(idna.encode(event["host"]).decode("ascii")))}
