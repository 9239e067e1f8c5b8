"""The response contract."""

from pytest_lambda_rollback.contracts.response.contract import judge

__all__ = ["judge"]
