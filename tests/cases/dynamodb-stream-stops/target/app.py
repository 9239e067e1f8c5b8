def handler(event, context):
    for record in event["Records"]:
        change = record["dynamodb"]
        if change["NewImage"]["kind"]["S"] != "order":
            return {"batchItemFailures": [{"itemIdentifier": change["SequenceNumber"]}]}
        print("indexed", change["Keys"]["id"]["S"])
    return {"batchItemFailures": []}
