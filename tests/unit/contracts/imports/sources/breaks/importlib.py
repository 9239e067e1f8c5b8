import importlib


def handler(event, context):
    importlib.import_module('acme.extra')  # expect: missing-module
