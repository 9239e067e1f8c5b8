"""Values of pytest fixtures for checks, which are no test functions and request none themselves.

Fixtures of the scope session can be used: they outlive a single check.
"""

from __future__ import annotations

import inspect

import pytest

from pytest_lambda_rollback.errors import ConfigError


def value_of(name: str, node: pytest.Collector) -> object:
    """The value of a fixture as a test below ``node`` would get it. Raises ConfigError.

    It is set up for the session, and torn down with it.
    """

    def take(**_values: object) -> None:
        """Stand for a test that requests the fixture."""

    parameter = inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    take.__signature__ = inspect.Signature([parameter])  # type: ignore[attr-defined]
    function = pytest.Function.from_parent(node, name=f"services[{name}]", callobj=take)
    definitions = function._fixtureinfo.name2fixturedefs.get(name)
    if not definitions:
        raise ConfigError(
            f"there is no fixture {name} for {node.nodeid}",
            do="Define it in a conftest.py beside the configuration file or above it",
        )
    if definitions[-1].scope != "session":
        raise ConfigError(
            f"the fixture {name} has the scope {definitions[-1].scope}",
            why="it must outlive a single check",
            do='Give it the scope "session"',
        )
    request: pytest.FixtureRequest = function._request
    try:
        return request.getfixturevalue(name)
    except pytest.skip.Exception as error:
        raise ConfigError(f"the fixture {name} was skipped", why=str(error)) from error
    except (Exception, pytest.fail.Exception) as error:
        why = " ".join(f"{type(error).__name__}: {error}".split())[:300].rstrip(".")
        raise ConfigError(f"the fixture {name} failed", why=why) from error
