def handler(event, context):
    return {"order": event["id"]}
