import importlib.util
if importlib.util.find_spec('acme.extra'):
    import acme.extra  # warn: optional-module
