def handler(event, context):
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    return {"statusCode": 200, "headers": headers, "body": '{"id": "A-1"}'}
