from acme.money import to_text  # expect: missing-name
# file: shared-2 acme/money.py
NAMES = ["add", "sub"]
for name in NAMES:
    globals()[name] = lambda a, b: a
globals().update({"mul": 1, "div": 2})
for unit in ("cents", "euros"):
    globals()[f"in_{unit}"] = unit
