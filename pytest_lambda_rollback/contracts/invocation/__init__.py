"""The invocation contract."""

from pytest_lambda_rollback.contracts.invocation.contract import (
    InvocationContract,
    judge,
    judge_baseline,
    same_failure,
)

__all__ = ["InvocationContract", "judge", "judge_baseline", "same_failure"]
