import sys
if sys.version_info < (3, 8):
    from acme.money import to_text
