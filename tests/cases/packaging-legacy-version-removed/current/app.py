from packaging.version import InvalidVersion, Version


def number(build):
    try:
        return Version(build)
    except InvalidVersion:
        return Version("0")


def handler(event, context):
    return {"newest": max(event["builds"], key=number)}
