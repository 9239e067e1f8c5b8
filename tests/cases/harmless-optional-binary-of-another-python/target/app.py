from markupsafe import escape


def handler(event, context):
    return {"name": str(escape(event["name"]))}
