from __future__ import annotations

import typing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aws_lambda_typing import context as context_
    from mypy_boto3_s3 import S3Client

if typing.TYPE_CHECKING:
    import pandas as pd


def handler(event: dict[str, str], context: context_.Context) -> dict[str, str]:
    return {"order": event["id"]}


def store(client: S3Client, frame: pd.DataFrame) -> None:
    client.put_object(Bucket="orders", Key="frame", Body=frame.to_csv())
