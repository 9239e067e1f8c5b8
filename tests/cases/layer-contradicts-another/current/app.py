from urllib3.util import Url


def handler(event, context):
    return {"url": Url(scheme="https", host="api.example.com", path=event["path"]).url}
