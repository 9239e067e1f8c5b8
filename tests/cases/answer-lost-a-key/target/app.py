def handler(event, context):
    return {"order": event["order"], "approved": event["total"] < 10000}
