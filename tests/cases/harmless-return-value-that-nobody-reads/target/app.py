def handler(event, context):
    print("stored", len(event.get("Records", ())))
