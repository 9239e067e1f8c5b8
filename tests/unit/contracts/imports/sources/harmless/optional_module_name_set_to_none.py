try:
    import acme.extra as extra
except ImportError:
    extra = None


def handler(e, c):
    if extra:
        return extra.VALUE
# empty: shared-1
# file: shared-1 acme/__init__.py
# empty: shared-2
# file: shared-2 acme/__init__.py
