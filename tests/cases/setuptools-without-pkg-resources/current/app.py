from importlib.metadata import version


def handler(event, context):
    return {"shared": version("acme-shared")}
