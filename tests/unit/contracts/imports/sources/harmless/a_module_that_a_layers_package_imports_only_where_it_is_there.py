import acme
# empty: shared-1
# file: shared-1 acme/__init__.py
try:
    import fast
except ImportError:
    fast = None
# file: shared-1 fast.py
# empty: shared-2
# file: shared-2 acme/__init__.py
try:
    import fast
except ImportError:
    fast = None
