"""The platform contract."""

from pytest_lambda_rollback.contracts.platform.contract import judge

__all__ = ["judge"]
