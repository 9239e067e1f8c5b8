from acme import extra  # expect: missing-name
