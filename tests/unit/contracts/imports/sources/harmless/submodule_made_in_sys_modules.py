import acme.extra
# file: shared-2 acme/__init__.py
import sys
sys.modules[__name__ + '.extra'] = sys
