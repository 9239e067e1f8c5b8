from acme.money import to_text, in_cents
# file: shared-1 acme/money.py
to_text = in_cents = 1
# file: shared-2 acme/money.py
for name in ("add", "to_text"):
    globals()[name] = name
for unit in ("cents", "euros"):
    globals()[f"in_{unit}"] = unit
