from acme.money import to_text
# file: shared-2 acme/money.py
import sys
this = sys.modules[__name__]
for name, value in [("to_text", str), ("add", int)]:
    setattr(this, name, value)
