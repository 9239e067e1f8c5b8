def handler(event, context):
    detail = event["detail"]
    amount = detail["total"]["amount"] if "total" in detail else detail["amount"]
    return {"order": detail["order"], "booked": amount}
