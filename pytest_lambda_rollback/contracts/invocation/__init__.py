"""The invocation contract."""

from pytest_lambda_rollback.contracts.invocation.contract import (
    InvocationContract,
    judge,
    judge_baseline,
)

__all__ = ["InvocationContract", "judge", "judge_baseline"]
