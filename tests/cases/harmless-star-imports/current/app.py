import acme_shared


def handler(event, context):
    return {"total": [acme_shared.euros(event["cents"]), "", ""]}
