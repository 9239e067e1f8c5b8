from acme.money import to_text
# file: shared-2 acme/money.py
import importlib
me = importlib.import_module(__name__)
for n in ('to_text',):
    setattr(me, n, 1)
