from acme.extra import VALUE  # expect: missing-module
