from markupsafe import escape


def handler(event, context):
    return {"text": f"{escape(event['customer'])} pays {event['total']} EUR"}
