from acme.money import to_text
# file: shared-2 acme/money.py
import os
if os.environ.get('X'):
    to_text = 1
