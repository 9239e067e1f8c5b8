from acme.money import to_text
# file: shared-2 acme/money.py
to_text = 1
del to_text
