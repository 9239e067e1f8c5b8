"""Does the target answer where the current version answers?"""

from __future__ import annotations

import json

import pytest

from helpers.subjects import said, subject
from pytest_lambda_rollback.contracts.invocation import contract as invocation
from pytest_lambda_rollback.model.findings import Contract, Judgement, Verdict
from pytest_lambda_rollback.model.replay import ExpectedError, FunctionError, Outcome, OutcomeKind

ANSWER = Outcome(kind=OutcomeKind.RESPONSE, payload=b'{"total": 9}')
TRACE = (
    '  File "/var/task/app.py", line 12, in handler\n    return place(event)\n',
    '  File "/var/task/orders/place.py", line 41, in place\n    event["gift_card"]\n',
)
SEALED = 'Could not connect to the endpoint URL: "https://sqs.eu-west-1.amazonaws.com/"'


def raised(type_: str, message: str = "'gift_card'", **more: object) -> Outcome:
    error = FunctionError(type=type_, message=message, stack_trace=TRACE)
    return Outcome(kind=OutcomeKind.FUNCTION_ERROR, error=error, **more)  # type: ignore[arg-type]


def ended(kind: OutcomeKind, detail: str) -> Outcome:
    return Outcome(kind=kind, detail=detail, logs=("last words",))


def status(code: object, body: str = "oops") -> Outcome:
    payload = json.dumps({"statusCode": code, "body": body}).encode()
    return Outcome(kind=OutcomeKind.RESPONSE, payload=payload)


INIT = Outcome(
    kind=OutcomeKind.INIT_ERROR,
    error=FunctionError(type="Runtime.ImportModuleError", message="No module named 'jwt'"),
)
NO_HANDLER = Outcome(
    kind=OutcomeKind.INIT_ERROR,
    error=FunctionError(type="Runtime.HandlerNotFound", message="Handler 'handler' missing"),
)
NO_LIMIT = Outcome(
    kind=OutcomeKind.INIT_ERROR, error=FunctionError(type="KeyError", message="'LIMIT'")
)
NO_START = (
    "orders:4, the current version, does not start with any event: Runtime.ImportModuleError: "
    "No module named 'jwt'. So there is nothing to compare with"
)
TIMEOUT = ended(OutcomeKind.TIMEOUT, "timed out after 3 s")
MEMORY = ended(OutcomeKind.OUT_OF_MEMORY, "ran out of memory (limit 128 MB)")
EXIT = ended(OutcomeKind.RUNTIME_EXIT, "the runtime exited with status 1")
LARGE = ended(OutcomeKind.RESPONSE_TOO_LARGE, "answered 7,000,000 bytes")
HARNESS = ended(OutcomeKind.HARNESS_FAILURE, "the container could not be started")
KEY_ERROR = raised("KeyError")
NEEDS_SQS = raised("EndpointConnectionError", SEALED)


def usable(runs: tuple[Outcome, ...], expect: ExpectedError | None = None) -> str | None:
    judgement = invocation.judge_baseline(runs, expect, version_name="orders:4")
    assert judgement.findings == ()
    return judgement.reason


def judged(current: Outcome, target: Outcome, expect: ExpectedError | None = None) -> Judgement:
    return invocation.judge((current, current), target, expect, subject=subject("2"))


@pytest.mark.parametrize(
    ("runs", "expect"),
    [
        ((ANSWER, ANSWER), None),
        ((ANSWER,), None),
        ((status(404), status(404)), None),
        ((KEY_ERROR, KEY_ERROR), ExpectedError(type="KeyError")),
        ((KEY_ERROR, KEY_ERROR), ExpectedError()),
        ((raised("orders.errors.NoStock"),) * 2, ExpectedError(type="NoStock")),
        ((NEEDS_SQS, NEEDS_SQS), ExpectedError(type="EndpointConnectionError")),
        ((status(500), status("500")), ExpectedError(type="500")),
    ],
)
def test_usable_baselines(runs: tuple[Outcome, ...], expect: ExpectedError | None) -> None:
    assert usable(runs, expect) is None


@pytest.mark.parametrize(
    ("runs", "expect", "words"),
    [
        ((), None, ["orders:4", "was not replayed"]),
        ((ANSWER, HARNESS), None, ["could not be started", "not the function"]),
        ((ANSWER, KEY_ERROR), None,
         ["flaky", "answered the first time", "raised KeyError: 'gift_card' another time"]),
        ((KEY_ERROR, raised("TypeError")), ExpectedError(), ["flaky", "KeyError", "TypeError"]),
        ((ANSWER, TIMEOUT), None, ["flaky", "timed out after 3 s"]),
        ((KEY_ERROR, KEY_ERROR), None,
         ["orders:4, the current version, raises KeyError: 'gift_card' on this event",
          '"expect": {"error": "KeyError"}']),
        ((TIMEOUT, TIMEOUT), None, ["times out on this event", "(timed out after 3 s)", "Use an"]),
        ((MEMORY, MEMORY), None, ["runs out of memory", "128 MB"]),
        ((EXIT, EXIT), None, ["ends its runtime without answering", "status 1"]),
        ((LARGE, LARGE), None, ["answers more than Lambda allows"]),
        ((INIT, INIT), None, [NO_START, "the right folder or zip and its layers have what it"]),
        ((INIT, INIT), ExpectedError(), [NO_START]),
        ((INIT, INIT), ExpectedError(type="KeyError"), [NO_START]),
        ((NO_HANDLER, NO_HANDLER), None, ["does not start with any event", "Correct its handler"]),
        ((NO_LIMIT, NO_LIMIT), None,
         ["KeyError: 'LIMIT'. So there is", "set its environment variables"]),
        ((ANSWER, ANSWER), ExpectedError(type="KeyError"),
         ["answered", "expects it to raise KeyError", 'Correct "expect"']),
        ((KEY_ERROR, KEY_ERROR), ExpectedError(type="NoStock"),
         ["raised KeyError", "expects it to raise NoStock"]),
        ((NEEDS_SQS, NEEDS_SQS), None,
         ["needs sqs.eu-west-1.amazonaws.com", "Could not connect to the endpoint URL",
          "aws = {} under [functions.orders.services]",
          "Or use an event that does not make this call"]),
        ((NEEDS_SQS, NEEDS_SQS), ExpectedError(), ["needs sqs.eu-west-1.amazonaws.com"]),
        ((status(500), status(500)), None,
         ["answers this event with status 500 itself", "oops", '"expect": {"error": "500"}']),
        ((status(500, SEALED),) * 2, None, ["needs sqs.eu-west-1.amazonaws.com"]),
        ((status(500), status(500)), ExpectedError(type="503"), ["expects it to raise 503"]),
    ],
)  # fmt: skip
def test_unusable_baselines_say_why_and_what_to_do(
    runs: tuple[Outcome, ...], expect: ExpectedError | None, words: list[str]
) -> None:
    reason = usable(runs, expect)
    assert reason is not None
    assert [word for word in words if word not in reason] == []
    assert not reason.endswith(".")
    assert "\n" not in reason


def test_no_event_and_no_fixture_is_blamed_for_what_does_not_start() -> None:
    for expect in (None, ExpectedError(), ExpectedError(type="KeyError")):
        reason = usable((INIT, INIT), expect)
        assert reason is not None
        for word in ("Use an event", "this event", "expect", "fixture"):
            assert word not in reason


@pytest.mark.parametrize(
    ("target", "message", "shown"),
    [
        (KEY_ERROR, "orders:2 raises KeyError: 'gift_card' where orders:4 answers",
         "KeyError: 'gift_card'"),
        (raised("NoStock", ""), "orders:2 raises NoStock where orders:4 answers", "NoStock"),
        (INIT, "orders:2 fails to initialise with Runtime.ImportModuleError: No module named 'jwt' "
         "where orders:4 answers", "Runtime.ImportModuleError: No module named 'jwt'"),
        (TIMEOUT, "orders:2 times out where orders:4 answers", "timed out after 3 s"),
        (MEMORY, "orders:2 runs out of memory where orders:4 answers",
         "ran out of memory (limit 128 MB)"),
        (EXIT, "orders:2 ends its runtime without answering where orders:4 answers",
         "the runtime exited with status 1"),
        (LARGE, "orders:2 answers more than Lambda allows where orders:4 answers",
         "answered 7,000,000 bytes"),
    ],
)  # fmt: skip
def test_a_target_that_does_not_answer(target: Outcome, message: str, shown: str) -> None:
    (finding,) = judged(ANSWER, target).findings
    assert finding.contract is Contract.INVOCATION
    assert finding.kind == target.kind.value
    assert said(finding) == message
    assert (finding.current, finding.target) == ('{"total": 9}', shown)
    assert finding.logs == target.logs
    assert finding.stack_trace == (target.error.stack_trace if target.error else ())


def test_a_long_error_message_is_one_bounded_line() -> None:
    (finding,) = judged(ANSWER, raised("ValidationError", "1 error\n  \x1b[31m" * 500)).findings
    assert said(finding).isprintable()
    assert len(said(finding)) < 300


@pytest.mark.parametrize(
    ("current", "target", "expect", "kinds"),
    [
        (ANSWER, ANSWER, None, []),
        (ANSWER, status(500), None, []),  # the response contract says this
        (KEY_ERROR, KEY_ERROR, ExpectedError(), []),
        (KEY_ERROR, ANSWER, ExpectedError(), []),
        (KEY_ERROR, raised("TypeError"), ExpectedError(), ["different-error"]),
        (KEY_ERROR, TIMEOUT, ExpectedError(), ["timeout"]),
        (KEY_ERROR, INIT, ExpectedError(), ["init-error"]),
        (NEEDS_SQS, NEEDS_SQS, ExpectedError(type="EndpointConnectionError"), []),
        (status(500, SEALED), status(500, SEALED), ExpectedError(type="500"), []),
    ],
)
def test_errors_on_both_sides(
    current: Outcome, target: Outcome, expect: ExpectedError | None, kinds: list[str]
) -> None:
    judgement = judged(current, target, expect)
    assert judgement.reason is None
    assert [finding.kind for finding in judgement.findings] == kinds


def test_a_failed_import_is_told_without_the_place_of_the_unpacked_file() -> None:
    message = "Unable to import module 'app': cannot import name 'a' from 'b' (/x/opt/python/b.py)"
    error = FunctionError(type="Runtime.ImportModuleError", message=message)
    (finding,) = judged(ANSWER, Outcome(kind=OutcomeKind.INIT_ERROR, error=error)).findings
    assert said(finding).endswith("cannot import name 'a' from 'b' where orders:4 answers")
    assert finding.target == f"Runtime.ImportModuleError: {message}"


def test_a_different_error_names_both() -> None:
    (finding,) = judged(KEY_ERROR, raised("TypeError", "no"), ExpectedError()).findings
    assert said(finding) == (
        "orders:2 raises TypeError: no where orders:4 raises KeyError: 'gift_card', "
        "as the fixture expects"
    )
    assert (finding.current, finding.target) == ("KeyError: 'gift_card'", "TypeError: no")


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (HARNESS, ["orders:2 could not be replayed: the container could not be started"]),
        (NEEDS_SQS, ["orders:2 needs sqs.eu-west-1.amazonaws.com", "does not answer in a replay"]),
        (status(502, SEALED), ["orders:2 needs sqs.eu-west-1.amazonaws.com"]),
        (raised("gaierror", "[Errno -2] Name or service not known"),
         ["orders:2 needs a host that the error does not name"]),
        (Outcome(kind=OutcomeKind.TIMEOUT, logs=("getaddrinfo ENOTFOUND tax.internal",)),
         ["orders:2 needs tax.internal"]),
    ],
)  # fmt: skip
def test_what_is_no_fault_of_the_target_is_unknown(target: Outcome, words: list[str]) -> None:
    judgement = judged(ANSWER, target)
    assert judgement.verdict is Verdict.UNKNOWN
    assert [word for word in words if word not in str(judgement.reason)] == []


@pytest.mark.parametrize(
    ("frames", "location"),
    [
        (TRACE, "orders/place.py:41"),
        (('  File "/var/task/app.py", line 3, in handler\n    import_module()\n',
          '  File "/opt/python/acme_shared/money.py", line 7, in format_amount\n    x\n',
          '  File "/var/lang/lib/python3.11/json/decoder.py", line 355, in raw_decode\n'),
         "app.py:3"),
        (('  File "/opt/python/lib/python3.11/site-packages/acme/api.py", line 7, in reply\n',),
         "acme/api.py:7"),
        (('  File "/var/task/app.py" Line 5\n    def handler(:\n',), "app.py:5"),
        (('  File "/var/task/app.py", line 3, in handler\n    x\n',
          '  File "/var/task/site-packages/jwt/api_jwt.py", line 99, in decode\n'), "app.py:3"),
        (('  File "/home/me/.cache/rollback/ab12/opt/python/acme/api.py", line 7, in reply\n',
          '  File "/home/me/.cache/rollback/ab12/task/app.py", line 8, in handler\n'), "app.py:8"),
        (("TypeError: order.items is not iterable", "    at place (/var/task/lib/place.js:3:9)",
          "    at Runtime.handler (/var/task/index.js:12:5)",
          "    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)"),
         "lib/place.js:3"),
        (("Error: x", "    at file:///var/task/index.mjs:3:9"), "index.mjs:3"),
        (("Error: x", "    at async handler (file:///var/task/index.mjs:4:1)"), "index.mjs:4"),
        (("Error: x", "    at send (/var/task/node_modules/sdk/send.js:1:1)",
          "    at handler (/var/task/index.js:2:2)"), "index.js:2"),
        (('  File "/var/runtime/bootstrap.py", line 1, in main\n',), None),
        (("no frames at all",), None),
        ((), None),
    ],
)  # fmt: skip
def test_the_place_is_the_innermost_frame_of_the_functions_own_code(
    frames: tuple[str, ...], location: str | None
) -> None:
    error = FunctionError(type="Boom", message="x", stack_trace=frames)
    target = Outcome(kind=OutcomeKind.FUNCTION_ERROR, error=error)
    (finding,) = judged(ANSWER, target).findings
    assert finding.location == location


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (KEY_ERROR, raised("KeyError", "'other'"), True),
        (KEY_ERROR, raised("TypeError"), False),
        (TIMEOUT, ended(OutcomeKind.TIMEOUT, "timed out after 4 s"), True),
        (TIMEOUT, MEMORY, False),
        (KEY_ERROR, ANSWER, False),
        (ANSWER, status(500), True),
    ],
)
def test_same_failure(a: Outcome, b: Outcome, same: bool) -> None:
    assert invocation.same_failure(a, b) is same
    assert invocation.same_failure(b, a) is same


def test_an_empty_baseline_is_misuse() -> None:
    with pytest.raises(ValueError, match="at least one replay"):
        invocation.judge((), ANSWER, None, subject=subject("2"))
