from acme.money import to_text
# file: shared-2 acme/money.py
print 'to_text'
