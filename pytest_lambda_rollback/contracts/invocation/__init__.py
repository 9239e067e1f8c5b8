"""The invocation contract."""

from pytest_lambda_rollback.contracts.invocation.contract import (
    InvocationContract,
    fallback,
    judge,
    judge_baseline,
    same_failure,
)
from pytest_lambda_rollback.contracts.invocation.told_failures import explaining_log

__all__ = [
    "InvocationContract",
    "explaining_log",
    "fallback",
    "judge",
    "judge_baseline",
    "same_failure",
]
