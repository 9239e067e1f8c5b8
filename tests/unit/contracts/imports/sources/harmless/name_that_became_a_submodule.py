from acme import money
# empty: shared-1
# file: shared-1 acme.py
money = 1
