import pkg_resources


def handler(event, context):
    return {"shared": pkg_resources.get_distribution("acme-shared").version}
