try:
    import acme.extra  # expect: missing-module
except ImportError as error:
    raise RuntimeError('no acme') from error
