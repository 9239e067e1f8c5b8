import attr
from urllib3.util import parse_url
from urllib3.util.retry import Retry


@attr.s
class Plan:
    host = attr.ib()
    again = attr.ib(converter=bool)


def handler(event, context):
    retry = Retry(total=2, backoff_factor=0.5, status_forcelist=[503])
    plan = Plan(parse_url(event["url"]).host, again=retry.is_retry("GET", 503))
    return attr.asdict(plan)
