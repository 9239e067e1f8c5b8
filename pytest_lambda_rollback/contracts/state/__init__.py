"""The state contract."""

from pytest_lambda_rollback.contracts.state.changes import Changes, changes
from pytest_lambda_rollback.contracts.state.contract import (
    StateCase,
    confirmed,
    judge,
    untouched,
)
from pytest_lambda_rollback.contracts.state.records import (
    Record,
    Side,
    StatePass,
    Step,
    later_order,
    mixed_sides,
)

__all__ = [
    "Changes",
    "Record",
    "Side",
    "StateCase",
    "StatePass",
    "Step",
    "changes",
    "confirmed",
    "judge",
    "later_order",
    "mixed_sides",
    "untouched",
]
