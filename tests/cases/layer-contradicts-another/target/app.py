from requests import Request


def handler(event, context):
    return {"url": Request("GET", "https://api.example.com" + event["path"]).prepare().url}
