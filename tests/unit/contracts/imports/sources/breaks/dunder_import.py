__import__('acme.extra')  # expect: missing-module
