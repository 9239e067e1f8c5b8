from acme.money import *


def handler(event, context):
    return to_text(1)  # expect: missing-name
