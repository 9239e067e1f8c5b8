import acme.extra  # expect: missing-module
