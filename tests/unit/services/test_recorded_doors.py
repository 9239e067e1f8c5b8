"""Hosts of recorded HTTP are reached by the ports that were recorded, and by no others."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pytest_lambda_rollback.model.downstream import AwsExchange, HttpExchange
from pytest_lambda_rollback.model.services import Door
from pytest_lambda_rollback.services.http.front import Front
from pytest_lambda_rollback.services.passes import Reach, ServedPass

URLS = (
    "https://api.example.com/v1",
    "http://API.example.com:8080/v1",
    "https://auth.example.com:8443/",
    "http://localhost:2773/secretsmanager/get",
    "http://192.0.2.7:8080/",
    "http://[2001:db8::7]:8080/",
)
RECORDED = (
    AwsExchange(service="sqs", operation="SendMessage"),
    *(HttpExchange(method="GET", url=url) for url in URLS),
)


@pytest.fixture
def front() -> Iterator[Front]:
    front = Front()
    yield front
    front.close()


def test_recorded_ports_are_open(front: Front) -> None:
    served = ServedPass(Reach(front=front, recorded=True, elsewhere=RECORDED))
    assert served.doors == (
        Door(name="*", port=443),
        Door(name="*", port=80),
        Door(name="api.example.com", port=8080),
        Door(name="auth.example.com", port=8443),
        Door(name="localhost", port=2773),
    )
    served.connect("auth.example.com", 8443).close()
    for name, port in (("auth.example.com", 8080), ("other.example.com", 8443)):
        with pytest.raises(ConnectionRefusedError):
            served.connect(name, port)
    served.close()


def test_nothing_is_open_where_nothing_is_answered_from_recordings(front: Front) -> None:
    served = ServedPass(Reach(front=front, recorded=False, elsewhere=RECORDED))
    assert served.doors == ()
    with pytest.raises(ConnectionRefusedError):
        served.connect("auth.example.com", 8443)
    served.close()
