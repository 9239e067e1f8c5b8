import json


def handler(event, context):
    kind = event["headers"]["content-type"]
    if kind.startswith("multipart/form-data"):
        return {"statusCode": 415, "body": json.dumps({"type": parameters(kind)})}
    return {"statusCode": 200, "body": json.dumps({"name": json.loads(event["body"])["name"]})}


def parameters(kind):
    import cgi

    return cgi.parse_header(kind)[0]
