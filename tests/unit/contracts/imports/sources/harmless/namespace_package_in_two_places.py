import acme.extra
import acme.local
# file: code acme/local.py
# empty: shared-1
# file: shared-1 acme/extra.py
# empty: shared-2
# file: shared-2 acme/extra/__init__.py
