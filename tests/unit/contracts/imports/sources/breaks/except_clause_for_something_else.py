try:
    import acme.extra  # expect: missing-module
except KeyError:
    extra = None
