def handler(event, context):
    risk = {"score": event["total"] // 100, "reasons": ["amount"]}
    return {"order": event["order"], "approved": risk["score"] < 100, "risk": risk}
