from acme.money import to_text
# file: shared-2 acme/money.py
from botocore.exceptions import *
