"""Checks whether an earlier version of an AWS Lambda function would still work today."""

__version__ = "0.1.0"
