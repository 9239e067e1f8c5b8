"""Event origins: places that `lambda-rollback record --from` reads recorded events from.

One file an origin; `registry` lists them, and a plugin adds its own with the hook
``pytest_lambda_rollback_event_origins``.
"""
