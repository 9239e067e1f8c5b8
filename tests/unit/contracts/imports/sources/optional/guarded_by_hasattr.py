from acme import money
show = money.to_text if hasattr(money, 'to_text') else str  # warn: optional-name
