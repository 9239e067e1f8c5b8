from acme_shared._money import *  # noqa: F403
from acme_shared._money import maker

for _name, _currency in {"pounds": "GBP", "yen": "JPY"}.items():
    globals()[_name] = maker(_currency)
