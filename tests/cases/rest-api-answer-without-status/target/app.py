def handler(event, context):
    return {"orders": ["A-1", "A-2"]}
