from acme.money import to_text
# file: shared-2 acme/money.py
import os
to_text = os.path
