from requests_toolbelt import MultipartEncoder


def handler(event, context):
    encoder = MultipartEncoder(fields={"name": event["file"]})
    return {"type": encoder.content_type.partition(";")[0]}
