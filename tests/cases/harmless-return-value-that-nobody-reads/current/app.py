def handler(event, context):
    records = event.get("Records", ())
    print("stored", len(records))
    return {"stored": len(records), "keys": [each["s3"]["object"]["key"] for each in records]}
