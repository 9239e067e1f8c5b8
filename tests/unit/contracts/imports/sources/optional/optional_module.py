try:
    import acme.extra  # warn: optional-module
except ImportError:
    acme = None
