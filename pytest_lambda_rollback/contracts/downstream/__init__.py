"""The downstream contract."""

from pytest_lambda_rollback.contracts.downstream.contract import DownstreamContract
from pytest_lambda_rollback.contracts.downstream.openapi import Document

__all__ = ["Document", "DownstreamContract"]
