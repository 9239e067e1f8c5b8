import importlib
from acme import money
money = importlib.reload(money)
shown = money.to_text
