from acme.money import to_text  # expect: missing-name
# file: shared-2 acme/money.py
# to_text is gone since 2.0
globals()["to_" + "cents"] = 1
