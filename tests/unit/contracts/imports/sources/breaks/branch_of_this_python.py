import sys
if sys.version_info >= (3, 9):
    import acme.extra  # expect: missing-module
