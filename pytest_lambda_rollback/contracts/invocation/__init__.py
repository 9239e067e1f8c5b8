"""The invocation contract."""

from pytest_lambda_rollback.contracts.invocation.contract import judge, judge_baseline

__all__ = ["judge", "judge_baseline"]
