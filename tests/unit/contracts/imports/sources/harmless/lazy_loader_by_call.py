from acme.money import to_text
# file: shared-2 acme/money.py
from x import export
export(__name__, 'to_text')
