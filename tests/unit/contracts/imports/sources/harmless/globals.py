from acme.money import to_text
# file: shared-2 acme/money.py
globals()['to_text'] = str
