def handler(event, context):
    headers = {"CONTENT-TYPE": "application/json", "Cache-Control": "no-store"}
    return {"statusCode": 200, "headers": headers, "body": '{"id": "A-1"}'}
