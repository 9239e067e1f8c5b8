"""When a break comes from the event, and which place of the event it is."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from helpers.stack_builders import error, finding
from pytest_lambda_rollback.aws_lambda.event_sources.registry import BUILT_IN
from pytest_lambda_rollback.diagnosis.event_causes import event_cause
from pytest_lambda_rollback.model.causes import Cause
from pytest_lambda_rollback.model.findings import Contract, Finding
from pytest_lambda_rollback.model.replay import FunctionError
from pytest_lambda_rollback.reports import sentences


def sqs(*bodies: Any) -> dict[str, Any]:
    return {
        "Records": [
            {
                "messageId": f"message-{number}",
                "body": json.dumps(body),
                "attributes": {"SentTimestamp": "1767225600000"},
                "eventSource": "aws:sqs",
            }
            for number, body in enumerate(bodies, 1)
        ]
    }


def http(
    body: Any, *, route: str = "POST /orders", headers: dict[str, str] | None = None
) -> dict[str, Any]:
    return {
        "version": "2.0",
        "routeKey": route,
        "headers": headers or {"host": "api.example.com"},
        "requestContext": {"routeKey": route, "requestId": "JKJ=", "http": {"method": "POST"}},
        "body": json.dumps(body),
        "isBase64Encoded": False,
    }


def bus(detail: Any) -> dict[str, Any]:
    return {
        "detail-type": "Refund", "source": "shop", "account": "123456789012", "detail": detail
    }  # fmt: skip


def kinesis(data: Any) -> dict[str, Any]:
    text = base64.b64encode(json.dumps(data).encode()).decode()
    return {"Records": [{"eventSource": "aws:kinesis", "kinesis": {"data": text}}]}


def cause(
    raised: FunctionError | None,
    failing: Any,
    *passing: Any,
    found: Finding | None = None,
) -> Cause | None:
    return event_cause(
        raised,
        found or finding(location="app.py:33"),
        json.dumps(failing).encode(),
        [json.dumps(each).encode() for each in passing],
        target="2",
        event_sources=BUILT_IN,
    )


def told(found: Cause) -> str:
    return sentences.of_cause(found, finding().subject) or ""


def key(name: str) -> FunctionError:
    return error("KeyError", f"'{name}'", "/var/task/app.py:33")


NEW_LINE = {"lines": [{"gift_card": 2500, "qty": 1}]}
OLD_LINE = {"lines": [{"sku": "mug", "qty": 4}, {"sku": "tea", "qty": 1}]}
ONE_LINE = {"sku": "mug", "qty": 1}


def test_the_sentence_of_a_key_that_another_has_replaced() -> None:
    found = cause(key("sku"), sqs(NEW_LINE), sqs(ONE_LINE), sqs(OLD_LINE))
    assert found is not None
    assert found.event_path == "/Records/0/body/lines/0/sku"
    assert told(found) == (
        "the event has /Records/0/body/lines/0/gift_card, which events that 2 handles do not "
        "have, and lacks sku, which app.py:33 asks for"
    )


def test_the_sentence_of_a_key_that_is_gone() -> None:
    found = cause(key("qty"), http({"sku": "tea"}), http(ONE_LINE))
    assert found is not None
    assert found.event_path == "/body/qty"
    assert told(found) == (
        "the event lacks /body/qty, which app.py:33 asks for and which events that 2 handles have"
    )


PYDANTIC_1 = (
    "1 validation error for Order\nlines -> 0 -> sku\n  field required (type=value_error.missing)"
)
PYDANTIC_2 = (
    "1 validation error for Order\nlines.0.sku\n  Field required [type=missing, input_value={}, "
    "input_type=dict]\n    For further information visit https://errors.pydantic.dev/2.7/v/missing"
)
PYDANTIC_EXTRA = (
    "1 validation error for Order\ngift\n  Extra inputs are not permitted [type=extra_forbidden]"
)
PYDANTIC_TYPE = (
    "1 validation error for Order\ntotal\n  Input should be a valid integer [type=int_parsing, "
    "input_value='many', input_type=str]"
)


@pytest.mark.parametrize(
    ("raised", "failing", "passing", "expected"),
    [
        pytest.param(
            key("lines"), http({"items": []}), [http({"lines": []})], "/body/lines", id="renamed",
        ),
        pytest.param(
            key("amount"), bus({"total": 4}), [bus({"amount": 4})], "/detail/amount",
            id="EventBridge",
        ),
        pytest.param(
            key("id"), kinesis({"ref": 1}), [kinesis({"id": 1})], "/Records/0/kinesis/data/id",
            id="base64 of Kinesis",
        ),
        pytest.param(
            key("sku"), sqs({"Message": json.dumps({"item": 1})}),
            [sqs({"Message": json.dumps({"sku": 1})})],
            "/Records/0/body/Message/sku", id="SNS in SQS",
        ),
        pytest.param(
            key("sku"), {"order": {}}, [{"order": {"item": {"sku": 1}}}], "/order/item",
            id="what holds the key is gone",
        ),
        pytest.param(
            key("Authorization"), http(1, headers={"authorization": "x", "x-new": "1"}),
            [http(1, headers={"Authorization": "x"})], "/headers/Authorization",
            id="header in another spelling",
        ),
        pytest.param(
            key("sku"), sqs(ONE_LINE, {"qty": 1}), [sqs(ONE_LINE, ONE_LINE)],
            "/Records/1/body/sku", id="the second record",
        ),
        pytest.param(
            error("ValidationError", PYDANTIC_1), http(NEW_LINE), [http(OLD_LINE)],
            "/body/lines/0/sku", id="pydantic 1",
        ),
        pytest.param(
            error("ValidationError", PYDANTIC_2), http(NEW_LINE), [http(OLD_LINE)],
            "/body/lines/0/sku", id="pydantic 2",
        ),
        pytest.param(
            error("ValidationError", PYDANTIC_EXTRA), http({"id": 1, "gift": 2}),
            [http({"id": 1})], "/body/gift", id="pydantic forbids extras",
        ),
        pytest.param(
            error("ValidationError", PYDANTIC_TYPE), http({"total": "many"}),
            [http({"total": 25})], "/body/total", id="pydantic refuses a type",
        ),
        pytest.param(
            error("ValidationError", "'sku' is a required property\n\nFailed validating"),
            http({"item": 1}), [http(ONE_LINE)], "/body/sku", id="jsonschema",
        ),
        pytest.param(
            error("ValidationError", "{'sku': ['Missing data for required field.']}"),
            http({"item": 1}), [http(ONE_LINE)], "/body/sku", id="marshmallow",
        ),
        pytest.param(
            error("ValueError", "missing required field: sku"), http({"item": 1}),
            [http(ONE_LINE)], "/body/sku", id="own words",
        ),
        pytest.param(
            error("TypeError", "Order.__init__() missing 1 required positional argument: 'sku'"),
            http({"qty": 1}), [http(ONE_LINE)], "/body/sku", id="Order(**body) lacks one",
        ),
        pytest.param(
            error("TypeError", "Order.__init__() got an unexpected keyword argument 'gift'"),
            http({**ONE_LINE, "gift": 1}), [http(ONE_LINE)], "/body/gift",
            id="Order(**body) has one more",
        ),
        pytest.param(
            error("TypeError", "'NoneType' object is not subscriptable"),
            http({"customer": None}), [http({"customer": {"id": 1}})], "/body/customer",
            id="null",
        ),
        pytest.param(
            error("AttributeError", "'NoneType' object has no attribute 'get'"),
            http({"a": 1}), [http({"a": 1, "customer": {"id": 1}})], "/body/customer",
            id="null by get() of what is gone",
        ),
        pytest.param(
            error("TypeError", "string indices must be integers, not 'str'"),
            http({"customer": "C-1"}), [http({"customer": {"id": "C-1"}})], "/body/customer",
            id="text where an object was",
        ),
        pytest.param(
            error("TypeError", "unsupported operand type(s) for +: 'int' and 'str'"),
            http({"total": "25", "id": "A-1"}), [http({"total": 25, "id": "A-2"})], "/body/total",
            id="text where a number was",
        ),
        pytest.param(
            error("IndexError", "list index out of range"),
            http({"lines": [], "tags": ["a"]}), [http({"lines": [1], "tags": ["b"]})],
            "/body/lines", id="empty array",
        ),
        pytest.param(
            key("STORE_CREDIT"), bus({"method": "STORE_CREDIT"}), [bus({"method": "CARD"})],
            "/detail/method", id="a value that a table does not have",
        ),
        pytest.param(
            error("ValueError", "'JPY' is not a valid Currency"), http({"currency": "JPY"}),
            [http({"currency": "EUR"})], "/body/currency", id="a value outside of an enum",
        ),
        pytest.param(
            error("ValueError", "invalid literal for int() with base 10: 'many'"),
            http({"qty": "many"}), [http({"qty": "2"})], "/body/qty", id="text that is no number",
        ),
        pytest.param(
            error("TypeError", "Cannot read properties of undefined (reading 'sku')"),
            http({"n": 1}), [http({"n": 1, "line": {"sku": 1}})], "/body/line", id="Node.js",
        ),
        pytest.param(
            error("TypeError", "Cannot read properties of null (reading 'sku')"),
            http({"line": None}), [http({"line": {"sku": 1}})], "/body/line", id="Node.js null",
        ),
        pytest.param(
            error("OrderError", "this order cannot be taken"), http({"id": 1, "gift": 1}),
            [http({"id": 2})], "/body/gift", id="the one thing that is not alike",
        ),
        pytest.param(
            None, http({"id": 1, "customer_id": 5}), [http({"id": 2, "customer": 5})],
            "/body/customer_id", id="no error: the one thing that is not alike",
        ),
    ],
)  # fmt: skip
def test_the_place_in_the_event(
    raised: FunctionError | None, failing: Any, passing: list[Any], expected: str
) -> None:
    found = cause(raised, failing, *passing)
    assert found is not None
    assert found.event_path == expected
    assert told(found)
    assert not told(found).endswith(".")
    assert (found.layer, found.distribution) == (None, None)


@pytest.mark.parametrize(
    ("raised", "failing", "passing"),
    [
        pytest.param(key("sku"), http(ONE_LINE), [http(OLD_LINE)], id="it has the key"),
        pytest.param(
            key("sku"), http({"a": 1}), [http({"b": 1, "sku": 1}), http({"b": 1})],
            id="events that pass lack it too",
        ),
        pytest.param(
            key("sku"), http({"x": {}, "y": {}}), [http({"x": {"sku": 1}, "y": {"sku": 1}})],
            id="two places lack it",
        ),
        pytest.param(key("never"), http({"a": 1}), [http({"b": 1})], id="no event ever has it"),
        pytest.param(
            error("KeyError", "'TABLE'", "/var/task/app.py:3", "<frozen os>:679"),
            http({"x": 1}), [http({"TABLE": 1})], id="an environment variable",
        ),
        pytest.param(
            error("ImportError", "cannot import name 'sku' from 'acme'"), http({}),
            [http({"sku": 1})], id="an import",
        ),
        pytest.param(
            error("AttributeError", "'str' object has no attribute 'decode'"),
            http({"id": "A-1"}), [http({"id": "A-2"})], id="no place has become text",
        ),
        pytest.param(
            error("TypeError", "'NoneType' object is not iterable"),
            http({"a": None, "b": None}), [http({"a": [], "b": []})], id="two places are null",
        ),
        pytest.param(
            error("IndexError", "list index out of range"), http({"x": [1]}), [http({"x": [1]})],
            id="no array is shorter",
        ),
        pytest.param(None, http({"id": 1}), [http({"id": 2})], id="no error, nothing differs"),
        pytest.param(
            None, http({"a": {"n": 1}, "b": {"n": 1}}), [http({"a": {}, "b": {}})],
            id="no error, two places differ",
        ),
        pytest.param(
            None, http({"id": 1, "x": 1}, route="GET /health"), [http({"id": 2})],
            id="no error, and only another route to compare with",
        ),
        pytest.param(
            error("ZeroDivisionError", "division by zero"), http({"n": 0}), [http({"n": 2})],
            id="an error that asks for nothing",
        ),
        pytest.param(
            error("KeyError", "'sku'", "/var/task/app.py:3", "/opt/python/acme/x.py:9"),
            sqs({"a": 1}), [], id="nothing to compare with, and a key that a library asks for",
        ),
        pytest.param(
            error("NameError", "name 'sku' is not defined", "/var/task/app.py:3"), http({}),
            [http({"sku": 1})], id="a name of the code",
        ),
    ],
)  # fmt: skip
def test_no_claim(raised: FunctionError | None, failing: Any, passing: list[Any]) -> None:
    assert cause(raised, failing, *passing) is None


def test_an_event_is_not_the_cause_of_a_failed_start() -> None:
    found = finding("init-error", location="app.py:3")
    assert cause(key("sku"), http({"item": 1}), http(ONE_LINE), found=found) is None


def test_events_of_the_same_route_are_preferred() -> None:
    other = http({"quantity": 1}, route="POST /stock")
    found = cause(key("sku"), http({"item": 1}), other, http({"sku": 1}))
    assert found is not None
    assert found.event_path == "/body/sku"


def test_without_other_events_only_a_key_that_is_nowhere_is_named() -> None:
    found = cause(key("sku"), sqs({"item": "mug"}))
    assert found is not None
    assert found.event_path == "/Records/0/body"
    assert told(found) == "the event has no sku, which app.py:33 asks for"
    assert cause(key("sku"), sqs({"item": "sku"})) is None
    assert cause(key("sku"), sqs({"deep": [{"sku": 1}]})) is None
    missing = error("TypeError", "f() missing 1 required positional argument: 'sku'",
                    "/var/task/app.py:33")  # fmt: skip
    assert cause(missing, sqs({"item": "mug"})) is None


def test_a_failed_message_is_compared_with_the_others_of_its_batch() -> None:
    batch = sqs({"id": 1, "customer": "C-1"}, {"id": 2, "customer_id": "C-2"})
    failed = finding(
        "batch-item-failure",
        contract=Contract.RESPONSE,
        location="/batchItemFailures/0",
        target='{"itemIdentifier": "message-2"}',
    )
    found = cause(None, batch, found=failed)
    assert found is not None
    assert found.event_path == "/Records/1/body/customer_id"
    assert told(found) == (
        "the event has /Records/1/body/customer_id, which events that 2 handles do not have, "
        "and lacks customer"
    )


STREAMS: dict[str, Any] = {
    "kinesis": lambda content: kinesis(content)["Records"][0],
    "dynamodb": lambda content: {
        "eventSource": "aws:dynamodb", "dynamodb": {"NewImage": {"order": {"M": content}}}
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("stream", "number"), [("kinesis", "sequenceNumber"), ("dynamodb", "SequenceNumber")]
)
@pytest.mark.parametrize("by_event_id", [False, True])
def test_a_failed_record_of_a_stream_is_compared_with_the_others(
    stream: str, number: str, *, by_event_id: bool
) -> None:
    first, second = (STREAMS[stream](each) for each in ({"customer": 1}, {"customer_id": 1}))
    for record, name in ((first, "id-4956"), (second, "id-4957")):
        (record if by_event_id else record[stream])["eventID" if by_event_id else number] = name
    failed = finding("batch-item-failure", contract=Contract.RESPONSE, target='"id-4957"')
    found = cause(None, {"Records": [first, second]}, found=failed)
    assert found is not None
    assert found.event_path is not None
    assert found.event_path.startswith(f"/Records/1/{stream}/")
    assert found.event_path.endswith("/customer_id")


def test_an_error_that_the_answer_quotes() -> None:
    answer = finding(
        "status-code",
        contract=Contract.RESPONSE,
        location="/statusCode",
        target='{"statusCode": 500, "body": "{\\"error\\": \\"KeyError: \'sku\'\\"}"}',
    )
    found = cause(None, http({"item": 1, "n": 1, "m": 1, "o": 1}), http(ONE_LINE), found=answer)
    assert found is not None
    assert found.event_path == "/body/sku"


@pytest.mark.parametrize(
    "failing",
    [b"not json", b"\xff", b"[" * 100_000, b"null"],
)
def test_events_that_cannot_be_read_make_no_cause_and_no_trouble(failing: bytes) -> None:
    assert (
        event_cause(
            key("sku"), finding(), failing, [b'{"sku": 1}'], target="2", event_sources=BUILT_IN
        )
        is None
    )


def test_keys_are_escaped_in_pointers() -> None:
    found = cause(key("a/b~c"), {"x": {"n": 1}}, {"x": {"n": 1, "a/b~c": 1}})
    assert found is not None
    assert found.event_path == "/x/a~1b~0c"


ORDER = {"id": "A-1", "total": 5, "currency": "EUR", "lines": [], "note": "", "buyer": "B-1"}


@pytest.mark.parametrize(
    ("raised", "failing", "passing", "sentence"),
    [
        (key("order"), ORDER, {"order": ORDER}, "the event has at its root what events that 2 "
         "handles have below /order, which app.py:33 asks for"),
        (None, {"meta": 1, **ORDER}, {"meta": 1, "order": ORDER}, "the event has at its root what "
         "events that 2 handles have below /order, which app.py:33 asks for"),
        (key("order"), {"data": ORDER}, {"data": {"order": ORDER}}, "the event has at /data what "
         "events that 2 handles have below /data/order, which app.py:33 asks for"),
        (key("order"), {"other": 1}, {"order": ORDER}, "the event has /other, which events that 2 "
         "handles do not have, and lacks order, which app.py:33 asks for"),
    ],
)  # fmt: skip
def test_a_lost_envelope_is_named_however_many_keys_it_had(
    raised: FunctionError | None, failing: Any, passing: Any, sentence: str
) -> None:
    found = cause(raised, failing, passing)
    assert found is not None
    assert told(found) == sentence
