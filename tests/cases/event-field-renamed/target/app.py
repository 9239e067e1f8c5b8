def handler(event, context):
    detail = event["detail"]
    return {"order": detail["order"], "booked": detail["amount"]}
