"""What an environment does with services before it starts a process."""

from __future__ import annotations

from helpers.doors import FakeServices
from helpers.fake_carrier import FakeCarrier
from helpers.runtimes import RUNTIME, Place, invocation_of, started, version_of
from pytest_lambda_rollback.engines.runtime_api.environment import CarriedEnvironment, Start
from pytest_lambda_rollback.model.replay import OutcomeKind

VARIABLES = (("AWS_REGION", "eu-west-1"), ("LANG", "en"), ("OWN", "function"))


def environment_of(carrier: FakeCarrier, services: FakeServices) -> CarriedEnvironment:
    return CarriedEnvironment(
        version=version_of(),
        confinement=carrier,
        start=Start(arguments=("/bootstrap",), variables=VARIABLES),
        services=services,
    )


def test_a_carrier_that_is_no_name_server_cannot_lead_to_services() -> None:
    environment = environment_of(FakeCarrier(), FakeServices(ports={"db.internal:5432": 1}))
    outcome = environment.invoke(invocation_of())
    environment.close()
    assert outcome.kind is OutcomeKind.HARNESS_FAILURE
    assert outcome.detail.startswith("orders:3 cannot reach services: this machine keeps port 53")


def test_services_without_doors_set_variables_all_the_same() -> None:
    carrier = FakeCarrier()
    services = FakeServices(variables=(("LANG", "de"), ("AWS_REGION", "x"), ("NEW", "y")))
    environment = environment_of(carrier, services)
    place = Place(carrier, environment)
    started(place, 1)
    environment.close()
    ((number, texts),) = carrier.started
    assert number == RUNTIME
    assert {text[1:] for text in texts if text[0] == "e"} == {
        "AWS_REGION=eu-west-1",
        "LANG=de",
        "OWN=function",
        "NEW=y",
    }
