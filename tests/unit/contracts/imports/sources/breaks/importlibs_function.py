from importlib import import_module as load
load('acme.extra')  # expect: missing-module
