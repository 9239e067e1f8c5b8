from acme.money import to_text
# file: shared-2 acme/money.py
import sys
sys.modules[__name__] = object()
