from attrs import asdict, define
from urllib3.util import parse_url


@define
class Plan:
    host: str
    again: bool


def handler(event, context):
    return asdict(Plan(parse_url(event["url"]).host, again=True))
