def handler(event, context):
    return {"handled_by": "receipts"}
