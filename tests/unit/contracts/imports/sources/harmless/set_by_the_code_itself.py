from acme import money
money.to_text = str
shown = money.to_text
