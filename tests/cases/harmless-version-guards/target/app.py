import sys

if sys.version_info < (3, 12):
    from distutils.version import LooseVersion as number
else:

    def number(version):
        return [int(part) for part in version.split(".")]


try:
    import imp
except ImportError:
    imp = None


def handler(event, context):
    if sys.version_info >= (3, 13):
        kind = "application/json"
    else:
        import cgi

        kind = cgi.parse_header("application/json; charset=utf-8")[0]
    return {"newest": max(event["versions"], key=number), "type": kind}
