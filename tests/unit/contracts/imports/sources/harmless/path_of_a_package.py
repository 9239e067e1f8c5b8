import acme.extra
# file: shared-2 acme/__init__.py
__path__.append('/opt/plugins')
