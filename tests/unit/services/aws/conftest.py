"""One private AWS for the tests of a file, and passes of it with boto3 clients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from helpers.aws_bridge import Bridge, bridged
from pytest_lambda_rollback.model.settings import AwsService
from pytest_lambda_rollback.services.aws.private_aws import AwsPass, PrivateAws

Open = Callable[..., tuple[AwsPass, Bridge]]


@pytest.fixture(scope="module")
def private_aws() -> Iterator[PrivateAws]:
    private = PrivateAws()
    yield private
    private.close()


@pytest.fixture
def opened(private_aws: PrivateAws) -> Iterator[Open]:
    """Opens a pass of a content and a bridge to it."""
    with ExitStack() as stack:

        def open_pass(
            content: AwsService | None = None,
            *,
            region: str = "eu-west-1",
            account: str = "111122223333",
        ) -> tuple[AwsPass, Bridge]:
            seeded = private_aws.seeded(content or AwsService(), region=region, account=account)
            opened = seeded.open()
            stack.callback(opened.close)
            return opened, stack.enter_context(bridged(opened.connect))

        yield open_pass


@pytest.fixture
def seed_file(tmp_path: Path) -> Callable[[str], AwsService]:
    """A content whose seed has these lines in ``def seed(session)``."""

    def write(*lines: str) -> AwsService:
        path = tmp_path / "seed.py"
        path.write_text("def seed(session):\n" + "".join(f"    {line}\n" for line in lines))
        return AwsService(seed=path)

    return write
