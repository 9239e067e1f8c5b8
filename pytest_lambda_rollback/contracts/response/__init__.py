"""The response contract."""

from pytest_lambda_rollback.contracts.response.contract import ResponseContract, judge

__all__ = ["ResponseContract", "judge"]
