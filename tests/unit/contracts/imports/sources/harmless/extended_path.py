import acme.extra
# file: shared-2 acme/__init__.py
from pkgutil import extend_path
__path__ = extend_path(__path__, __name__)
