import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'vendor'))
import acme
# file: code vendor/acme/__init__.py
# empty: shared-2
# file: shared-2 other.py
