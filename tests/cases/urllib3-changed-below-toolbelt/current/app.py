from requests import Request


def handler(event, context):
    request = Request("POST", "https://files.example.com", files={"name": event["file"]}).prepare()
    return {"type": request.headers["Content-Type"].partition(";")[0]}
