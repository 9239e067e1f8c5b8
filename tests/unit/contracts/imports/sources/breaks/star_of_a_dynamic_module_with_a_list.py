from acme.money import to_text  # expect: missing-name
# file: shared-2 acme/money.py
from .made import *
# file: shared-2 acme/made.py
__all__ = ["add"]
for name in dir(str):
    globals()[name] = getattr(str, name)
add = 1
