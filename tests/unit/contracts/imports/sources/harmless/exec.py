from acme.money import to_text
# file: shared-2 acme/money.py
exec('to_text = 1')
