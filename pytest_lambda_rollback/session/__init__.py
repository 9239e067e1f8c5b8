"""The order of the steps from a check to its result.

Settings become versions (`sources`), versions become environments (`engines`, through the pool),
replays become outcomes, outcomes become judgements (`contracts`), judgements become results.
Neither the steps' internals nor pytest, Docker or AWS clients are used here.
"""

from pytest_lambda_rollback.session.loaded_versions import Packages
from pytest_lambda_rollback.session.runner import Session

__all__ = ["Packages", "Session"]
