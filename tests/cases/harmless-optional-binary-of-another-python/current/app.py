import html


def handler(event, context):
    return {"name": html.escape(event["name"])}
