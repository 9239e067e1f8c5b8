from acme.money import to_text
# file: shared-2 acme/money.py
from .inner import *
# file: shared-2 acme/inner.py
to_text = 1
