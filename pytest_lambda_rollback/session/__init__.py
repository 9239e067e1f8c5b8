"""Runs checks: the only room that knows the order of the steps.

Settings become versions (sources), versions become environments (engines, through the pool),
replays become outcomes, outcomes become judgements (contracts), judgements become results. How a
step is done is each room's own business; nothing here knows pytest, Docker or AWS clients.
"""

from pytest_lambda_rollback.session.loaded_versions import Packages
from pytest_lambda_rollback.session.runner import Session

__all__ = ["Packages", "Session"]
