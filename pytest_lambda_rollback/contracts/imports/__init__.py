"""The imports contract."""

from pytest_lambda_rollback.contracts.imports.contract import judge

__all__ = ["judge"]
