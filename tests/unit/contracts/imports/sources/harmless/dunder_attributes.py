import acme
shown = acme.__version__, acme.__name__, acme.__dict__
# empty: shared-1
# file: shared-1 acme/__init__.py
__version__ = '1'
# empty: shared-2
# file: shared-2 acme/__init__.py
