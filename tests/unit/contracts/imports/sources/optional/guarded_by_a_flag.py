try:
    import acme.extra  # warn: optional-module
    HAS_EXTRA = True
except ImportError:
    HAS_EXTRA = False


def handler(e, c):
    if not HAS_EXTRA:
        return 1
    from acme.extra import VALUE
    return VALUE
