def handler(event, context):
    print("sign in of", event["userName"])
    return event
