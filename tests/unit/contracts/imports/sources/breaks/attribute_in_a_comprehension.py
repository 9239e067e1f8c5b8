import acme.money as m
handler = lambda e, c: [m.to_text(i) for i in e]  # expect: missing-name
