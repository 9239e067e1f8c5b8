"""The dependencies contract."""

from pytest_lambda_rollback.contracts.dependencies.contract import judge
from pytest_lambda_rollback.contracts.dependencies.weights import Codes

__all__ = ["Codes", "judge"]
