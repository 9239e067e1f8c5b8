from distutils.version import LooseVersion


def handler(event, context):
    return {"newest": max(event["versions"], key=LooseVersion)}
