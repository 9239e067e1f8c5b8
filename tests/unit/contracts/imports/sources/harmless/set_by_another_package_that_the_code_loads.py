import shim
from acme.money import to_text
text = to_text(1)
# file: shared-1 shim.py
# file: shared-2 shim.py
import acme.money
acme.money.to_text = str
