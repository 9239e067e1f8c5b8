"""The dependencies contract."""

from pytest_lambda_rollback.contracts.dependencies.contract import judge

__all__ = ["judge"]
