from acme.money import to_text
# file: shared-2 acme/money.py
from ._c import *
# file: shared-2 acme/_c.abi3.so
