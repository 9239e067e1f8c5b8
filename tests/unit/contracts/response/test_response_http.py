"""HTTP answers as the clients of each front end receive them."""

from __future__ import annotations

import base64
import gzip
import json
import random
import zlib
from typing import Any

import pytest

from helpers import judged_responses
from helpers import made_events as made
from helpers.judged_responses import Found, found
from helpers.subjects import said
from pytest_lambda_rollback.model.findings import Judgement

PNG = bytes([0x89, 0x50, 0x4E, 0x47, 13, 10, 26, 10, 0, 0, 0, 13, 255, 254, 200])
JPEG = bytes([0xFF, 0xD8, 0xFF, 0xE0, 0, 16])
FRONT_ENDS = [made.REST_API, made.HTTP_API_1, made.HTTP_API_2, made.FUNCTION_URL,
              made.LOAD_BALANCER]  # fmt: skip
GATEWAYS = FRONT_ENDS[:4]
JSON = {"Content-Type": "application/json"}


def judged(
    current: object, target: object, event: object = made.HTTP_API_2, mode: str = "shape"
) -> Judgement:
    return judged_responses.judged([current] * 2, target, mode=mode, event=made.recognised(event))


def warned(judgement: Judgement) -> Found:
    return [(finding.kind, finding.location) for finding in judgement.warnings]


def coded(content: bytes | str) -> str:
    data = content.encode() if isinstance(content, str) else content
    return base64.b64encode(data).decode()


def sent(body: object = "x", /, **members: Any) -> dict[str, Any]:
    return {"statusCode": 200, "body": body, **members}


def typed(content_type: str | None, body: str = "x", **members: Any) -> dict[str, Any]:
    headers = {} if content_type is None else {"headers": {"Content-Type": content_type}}
    return sent(body, **headers, **members)


def flagged(content: bytes | str, **members: Any) -> dict[str, Any]:
    return sent(coded(content), isBase64Encoded=True, **members)


def with_headers(**headers: Any) -> dict[str, Any]:
    return sent(headers={name.replace("_", "-"): value for name, value in headers.items()})


def asked(event: dict[str, Any] = made.HTTP_API_2, **headers: str) -> dict[str, Any]:
    return {**event, "headers": {name.replace("_", "-"): text for name, text in headers.items()}}


# --- base64 -------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", FRONT_ENDS)
@pytest.mark.parametrize("mode", ["shape", "exact"])
@pytest.mark.parametrize(
    ("current", "target", "expected"),
    [
        (flagged(PNG), flagged(PNG), []),
        (flagged(PNG), sent(coded(PNG)), [("lost-base64-flag", "/isBase64Encoded")]),
        (flagged(PNG), sent(coded(PNG), isBase64Encoded=False),
         [("lost-base64-flag", "/isBase64Encoded")]),
        (flagged("<html>hello</html>"), sent("<html>hello</html>"), []),
        (sent("<html>hello</html>"), flagged("<html>hello</html>"), []),
        (flagged("<html>hello</html>"), sent(coded("<html>hello</html>")),
         [("lost-base64-flag", "/isBase64Encoded")]),
        (sent("<html>hello</html>"), sent(coded("<html>hello</html>")),
         [("lost-base64-flag", "/isBase64Encoded")]),
        (sent("hello, you"), sent("hello, you", isBase64Encoded=True),
         [("not-base64", "/body")]),
        (sent('{"a": 1}'), sent('{"a": 1}', isBase64Encoded=True), [("not-base64", "/body")]),
        (sent('{"a": 1}'), flagged('{"a": 1}'), []),
        (flagged('{"a": 1}'), sent('{"a": 1}'), []),
        # a word that happens to be base64 is garbled by decoding it
        (sent("hello"), sent("test", isBase64Encoded=True), [("body-kind", "/body")]),
        # encoded twice: a client gets base64 text in place of the picture
        (flagged(PNG), flagged(coded(PNG)), [("body-kind", "/body")]),
        (flagged(PNG), flagged(JPEG), [("body-kind", "/body")]),
        # both are garbled today
        (sent("no base64", isBase64Encoded=True), sent("no base64", isBase64Encoded=True), []),
    ],
)  # fmt: skip
def test_base64(event: object, mode: str, current: object, target: object, expected: Found) -> None:
    assert found(judged(current, target, event, mode)) == expected


def test_base64_that_is_broken_into_lines_is_base64() -> None:
    content = json.dumps({"a": "b" * 100})
    body = base64.encodebytes(content.encode()).decode()
    assert found(judged(sent(content), sent(body, isBase64Encoded=True))) == []


def test_rest_apis_decode_base64_only_where_they_are_set_up_to() -> None:
    judgement = judged(sent("hello, you"), flagged("hello, you"), made.REST_API)
    assert (found(judgement), warned(judgement)) == (
        [], [("base64-media-types", "/isBase64Encoded")],
    )  # fmt: skip
    assert warned(judged(flagged(PNG), flagged(PNG), made.REST_API)) == []
    for event in FRONT_ENDS[1:]:
        assert warned(judged(sent("hello, you"), flagged("hello, you"), event)) == []


def test_a_lost_flag_is_told() -> None:
    (finding,) = judged(flagged(PNG), sent(coded(PNG))).findings
    assert said(finding) == (
        "orders:2 answers base64 without isBase64Encoded: API Gateway (payload format 2.0) sends "
        "it as text, undecoded"
    )


# --- JSON ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", FRONT_ENDS)
@pytest.mark.parametrize("mode", ["shape", "exact"])
@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_json_does_not_have(event: object, mode: str, constant: str) -> None:
    current = typed("application/json", '{"n": [1, {"avg": 0.5}]}')
    target = typed("application/json", f'{{"n": [1, {{"avg": {constant}}}]}}')
    expected = [("not-json-number", "/body/n/1/avg")]
    assert expected[0] in found(judged(current, target, event, mode))
    assert found(judged(target, target, event, mode)) == []
    assert found(judged(target, current, event)) == []


@pytest.mark.parametrize("mode", ["shape", "exact"])
def test_a_number_that_json_does_not_have_in_a_direct_answer(mode: str) -> None:
    event = {"order": 1}
    expected = [("not-json-number", "/avg")]
    assert found(judged({"avg": 0.5}, {"avg": float("nan")}, event, mode)) == expected
    assert found(judged({"avg": float("nan")}, {"avg": float("nan")}, event, mode)) == []
    (finding,) = judged({"avg": 0.5}, {"avg": float("inf")}, event).findings
    assert said(finding) == (
        "orders:2 answers with a value at /avg that JSON does not have, so that clients cannot "
        "parse it: Infinity"
    )


def test_a_poller_reads_no_answer_without_partial_batch_responses() -> None:
    current, target = {"avg": 0.5}, {"avg": float("nan")}
    event = made.sqs("m1")
    judgement = judged(current, target, event)
    assert (found(judgement), warned(judgement)) == ([], [("not-json-number", "/avg")])
    failures: dict[str, Any] = {"batchItemFailures": []}
    assert found(judged(current | failures, target | failures, event)) == [
        ("not-json-number", "/avg")
    ]


@pytest.mark.parametrize("mode", ["shape", "exact"])
@pytest.mark.parametrize(
    ("content_type", "current", "target", "expected"),
    [
        ("application/json", "true", "True", [("body-not-json", "/body")]),
        ("application/json", "null", "None", [("body-not-json", "/body")]),
        ("application/json", "5", "five", [("body-not-json", "/body")]),
        ("application/json", '"done"', "done", [("body-not-json", "/body")]),
        ("application/json", "true", '"true"', [("type-changed", "/body")]),
        ("application/json", "5", '"5"', [("type-changed", "/body")]),
        ("application/json", "true", "true", []),
        ("application/json", '{"a": 1}', "{'a': 1}", [("body-not-json", "/body")]),
        ("application/json", '{"a": 1}', "", [("body-not-json", "/body")]),
        ("text/plain", '"done"', '"done"', []),
        ("application/json", "not json today", "not json today", []),
    ],
)
def test_json_scalars(
    mode: str, content_type: str, current: str, target: str, expected: Found
) -> None:
    answers = typed(content_type, current), typed(content_type, target)
    assert found(judged(*answers, mode=mode)) == expected


def test_words_that_no_content_type_calls_json_are_text() -> None:
    assert found(judged(typed("text/plain", "true"), typed("text/plain", "True"))) == []
    assert found(judged(typed("text/plain", "17"), typed("text/plain", "seventeen"))) == []
    # REST APIs call an answer JSON that does not say what it is
    assert found(judged(sent("true"), sent("True"), made.REST_API)) == [("body-not-json", "/body")]


@pytest.mark.parametrize(
    ("current", "target", "expected"),
    [
        ('{"a": 1}', '{"a": 2}', []),
        ('{"a": 1}', "{}", [("lost-key", "/a")]),
        ('{"a": 1}', "done", [("not-json", "")]),
        ('{"a": 1}', '{"a": NaN}', [("not-json-number", "/a")]),
        ('{"a": 1}', {"a": 1}, [("type-changed", "")]),
        ({"a": 1}, '{"a": 1}', [("type-changed", "")]),
        ("[1]", '["1"]', [("type-changed", "/0")]),
        ("done", "failed", []),
        ("12", "twelve", []),
    ],
)
def test_documents_in_the_text_of_a_direct_answer(
    current: object, target: object, expected: Found
) -> None:
    assert found(judged(current, target, {"order": 1})) == expected


def test_documents_in_the_text_of_a_direct_answer_are_equal_in_any_spelling() -> None:
    answers = '{"a": 1, "b": 2}', '{"b":2,"a":1}'
    assert found(judged(*answers, {"order": 1}, "exact")) == []


# --- text and files -----------------------------------------------------------------------------


@pytest.mark.parametrize("event", FRONT_ENDS)
@pytest.mark.parametrize(
    ("current", "target", "expected"),
    [
        (typed("text/html", "<p>a"), typed("text/html", "<p>b"), []),
        (typed("text/html", "<p>a"), typed("text/html", ""), [("empty-body", "/body")]),
        (typed("text/html", "<p>a"), {"statusCode": 200, "headers": {"Content-Type": "text/html"}},
         [("lost-key", "/body")]),
        (typed("text/html", ""), typed("text/html", "<p>b"), []),
        (typed("text/html", "<p>a"), typed("text/html", '"<p>b"'), [("body-form", "/body")]),
        (typed("text/html", "<p>a"), typed("text/html", '{"page": 1}'), [("body-form", "/body")]),
        (typed("text/plain", "a"), typed("text/plain", '"a"'), [("body-form", "/body")]),
        (typed("text/plain", "a"), typed("text/plain", "b'a'"), [("body-form", "/body")]),
        (typed("text/plain", "a"), typed("text/plain", '{"a": 1}'), []),
        (typed("text/plain", "b'a'"), typed("text/plain", "b'b'"), []),
        (flagged("hello"), sent(coded("hello")), [("lost-base64-flag", "/isBase64Encoded")]),
        ({"statusCode": 204}, {"statusCode": 204, "body": "ignored"}, []),
        ({"statusCode": 204, "body": "a"}, {"statusCode": 204, "body": ""}, []),
        ({"statusCode": 304, "body": "a"}, {"statusCode": 304}, []),
    ],
)  # fmt: skip
def test_texts(event: object, current: object, target: object, expected: Found) -> None:
    assert found(judged(current, target, event)) == expected


@pytest.mark.parametrize("event", FRONT_ENDS)
def test_the_body_of_an_answer_to_head_is_not_sent(event: dict[str, Any]) -> None:
    head = {**event, "httpMethod": "HEAD"} if "httpMethod" in event else {
        **event, "requestContext": {**event["requestContext"], "http": {"method": "HEAD"}},
    }  # fmt: skip
    answers = typed("text/html", "<p>a"), typed("text/html", "")
    assert found(judged(*answers, head)) == []


# --- content encodings --------------------------------------------------------------------------

LIST = json.dumps({"id": "A", "total": 12})
SHORT = json.dumps({"id": "A"})


def packed(text: str, encoding: str = "gzip", **members: Any) -> dict[str, Any]:
    data = {
        "gzip": gzip.compress(text.encode(), mtime=0),
        "deflate": zlib.compress(text.encode()),
        "br": b"\x0b\x05\x80" + text.encode() + b"\x03",
    }[encoding]
    return flagged(data, headers={**JSON, "Content-Encoding": encoding}, **members)


GZIP = asked(accept_encoding="gzip, deflate")


@pytest.mark.parametrize("mode", ["shape", "exact"])
@pytest.mark.parametrize(
    ("event", "current", "target", "expected"),
    [
        (GZIP, packed(LIST), packed(LIST), []),
        (GZIP, packed(LIST), packed(SHORT), [("lost-key", "/body/total")]),
        (GZIP, packed(LIST), typed("application/json", LIST), []),
        (GZIP, packed(LIST), typed("application/json", SHORT), [("lost-key", "/body/total")]),
        (GZIP, typed("application/json", LIST), packed(LIST), []),
        (GZIP, packed(LIST), packed(LIST, "deflate"), []),
        (asked(accept_encoding="*"), typed("application/json", LIST), packed(LIST), []),
        (asked(accept_encoding="gzip;q=0, *"), typed("application/json", LIST), packed(LIST),
         [("content-encoding", "/headers/Content-Encoding")]),
        (asked(accept_encoding="br"), typed("application/json", LIST), packed(LIST),
         [("content-encoding", "/headers/Content-Encoding")]),
        (asked(), typed("application/json", LIST), packed(LIST),
         [("content-encoding", "/headers/Content-Encoding")]),
        # the header says what is not so, or not what is so
        (GZIP, packed(LIST), typed("application/json", LIST) | {
            "headers": {**JSON, "Content-Encoding": "gzip"}},
         [("content-encoding", "/headers/Content-Encoding")]),
        (GZIP, packed(LIST), packed(LIST) | {"headers": JSON}, [("body-kind", "/body")]),
        (GZIP, packed(LIST), packed(LIST) | {"isBase64Encoded": False},
         [("lost-base64-flag", "/isBase64Encoded")]),
    ],
)  # fmt: skip
def test_content_encodings(
    mode: str, event: object, current: object, target: object, expected: Found
) -> None:
    assert found(judged(current, target, event, mode)) == expected


def test_a_content_encoding_that_does_not_exist_is_none() -> None:
    plain = typed("application/json", LIST)
    spelt = plain | {"headers": {**JSON, "Content-Encoding": "utf-8"}}
    assert found(judged(spelt, plain | {"body": SHORT})) == [("lost-key", "/body/total")]
    assert found(judged(plain, spelt)) == []


def test_an_encoding_that_cannot_be_read_is_told() -> None:
    event = asked(accept_encoding="br")
    judgement = judged(packed(LIST, "br"), packed(SHORT, "br"), event)
    assert found(judgement) == []
    assert warned(judgement) == [("not-compared", "/body")]
    assert warned(judged(packed(LIST, "br"), packed(LIST, "br"), event)) == []


# --- content types ------------------------------------------------------------------------------


@pytest.mark.parametrize("event", FRONT_ENDS)
@pytest.mark.parametrize(
    ("current", "target", "equal"),
    [
        ("text/html; charset=utf-8", "text/html", True),
        ("text/html", "TEXT/HTML;charset=UTF-8", True),
        ("text/html", "text/plain", False),
        ("image/png", "image/svg+xml", False),
        ("image/png", "image/jpeg", False),
        ("image/jpg", "image/jpeg", True),
        ("application/json", "application/problem+json", True),
        ("application/json", "text/json", True),
        ("application/json", "json", False),
        ("application/json", "text/plain", False),
        ("text/javascript", "application/javascript", True),
        ("text/xml", "application/xml; charset=utf-8", True),
        ("application/xml", "application/json", False),
        ("text/csv", "text/plain", False),
        ("application/pdf", "application/octet-stream", False),
    ],
)
def test_media_types(event: object, current: str, target: str, equal: bool) -> None:
    expected = [] if equal else [("content-type", "/headers/Content-Type")]
    assert found(judged(typed(current), typed(target), event)) == expected


BODY = '{"a": 1}'


@pytest.mark.parametrize(
    ("event", "current", "target", "expected", "warns"),
    [
        (made.REST_API, None, "application/json", False, False),
        (made.REST_API, "application/json", None, False, False),
        (made.REST_API, None, "text/html", True, False),
        (made.REST_API, "text/html", None, True, False),
        (made.FUNCTION_URL, None, "application/json", False, False),
        (made.FUNCTION_URL, "application/json", None, False, False),
        (made.FUNCTION_URL, "text/html", None, True, False),
        (made.HTTP_API_1, "application/json", None, True, False),
        (made.HTTP_API_2, "application/json", None, True, False),
        (made.HTTP_API_2, "text/plain", None, False, False),
        (made.HTTP_API_2, None, "application/json", False, True),
        (made.HTTP_API_2, None, "text/html", True, False),
        (made.LOAD_BALANCER, "application/json", None, True, False),
        (made.LOAD_BALANCER, None, "text/html", True, False),
        (made.LOAD_BALANCER, None, "application/json", False, True),
        (made.HTTP_API_1, None, "application/json", False, True),
        ({"order": 1}, "application/json", None, True, False),
        ({"order": 1}, None, "application/json", False, False),
    ],
)
def test_content_types_that_nobody_sets(
    event: object, current: str | None, target: str | None, expected: bool, warns: bool
) -> None:
    judgement = judged(typed(current, BODY), typed(target, BODY), event)
    assert bool(found(judgement)) is expected
    assert bool(warned(judgement)) is warns


def test_an_inferred_content_type_is_no_break() -> None:
    judgement = judged({"a": 1}, sent(BODY))
    assert (found(judgement), warned(judgement)) == (
        [],
        [("content-type", "/headers/Content-Type")],
    )
    assert warned(judged({"a": 1}, sent(BODY), made.FUNCTION_URL)) == []
    assert found(judged({"a": 1}, typed("text/plain", BODY))) == [
        ("content-type", "/headers/Content-Type")
    ]
    assert warned(judged({"a": 1}, typed("application/json", BODY))) == []


@pytest.mark.parametrize(
    ("current", "target", "equal"),
    [
        ("application/json", "application/json; charset=utf-8", True),
        ("text/html; charset=UTF-8", "text/html;charset=utf-8", True),
        ("text/html; charset=utf-8", "text/html; charset=latin-1", False),
        ("text/html", "text/plain", False),
    ],
)
def test_spellings_of_a_content_type_are_equal_where_values_are_compared(
    current: str, target: str, equal: bool
) -> None:
    expected = [] if equal else [("value-changed", "/headers/Content-Type")]
    assert found(judged(typed(current), typed(target), mode="exact")) == expected


def test_the_type_of_an_empty_answer_is_not_compared() -> None:
    assert found(judged(typed("text/html", ""), typed(None, ""))) == []


@pytest.mark.parametrize(
    ("current", "target", "expected", "warns"),
    [
        ("text/html; charset=utf-8", "text/html; charset=iso-8859-1", True, False),
        ("text/html; charset=utf-8", "text/html", False, True),
        ("text/html; charset=utf-8", "text/html; charset=UTF-8", False, False),
        ("text/html", "text/html; charset=utf-8", False, False),
        ("application/json; charset=utf-8", "application/json", False, False),
    ],
)
def test_charsets(current: str, target: str, expected: bool, warns: bool) -> None:
    judgement = judged(typed(current, "Grüße"), typed(target, "Grüße"))
    assert (bool(found(judgement)), bool(warned(judgement))) == (expected, warns)
    plain = judged(typed(current, "Hello"), typed(target, "Hello"))
    assert (found(plain), warned(plain)) == ([], [])


# --- cookies ------------------------------------------------------------------------------------

SID = "sid=1; Path=/; HttpOnly; Secure; SameSite=Lax"


@pytest.mark.parametrize("mode", ["shape", "exact"])
@pytest.mark.parametrize(
    ("event", "current", "target"),
    [
        (made.HTTP_API_2, {"cookies": [SID]}, {"headers": {"Set-Cookie": SID}}),
        (made.HTTP_API_2, {"headers": {"Set-Cookie": SID}}, {"cookies": [SID]}),
        (made.FUNCTION_URL, {"cookies": [SID, "a=1"]}, {"cookies": ["a=1", SID]}),
        (made.HTTP_API_2, {"cookies": []}, {}),
        (made.HTTP_API_2, {}, {"cookies": []}),
        (made.REST_API, {"headers": {"Set-Cookie": SID}}, {"multiValueHeaders": {
            "set-cookie": [SID]}}),
        (made.LOAD_BALANCER, {"headers": {"Set-Cookie": SID, "set-cookie": "a=1"}},
         {"headers": {"Set-Cookie": "a=1", "set-cookie": SID}}),
    ],
)  # fmt: skip
def test_a_cookie_is_the_same_wherever_it_is_set(
    mode: str, event: object, current: dict[str, Any], target: dict[str, Any]
) -> None:
    judgement = judged(sent(**current), sent(**target), event, mode)
    assert (found(judgement), warned(judgement)) == ([], [])


@pytest.mark.parametrize(
    ("event", "current", "target", "expected"),
    [
        (made.HTTP_API_2, {"cookies": [SID, "a=1"]}, {"cookies": ["a=1"]}, "/cookies"),
        (made.HTTP_API_2, {"cookies": [SID]}, {"headers": {"Set-Cookie": "a=1"}}, "/cookies"),
        (made.REST_API, {"headers": {"Set-Cookie": SID}}, {}, "/headers/Set-Cookie"),
        (made.REST_API, {"multiValueHeaders": {"Set-Cookie": [SID, "a=1"]}},
         {"multiValueHeaders": {"Set-Cookie": [SID]}}, "/multiValueHeaders/Set-Cookie"),
        # payload format 2.0 reads no multiValueHeaders, load balancers no cookies
        (made.HTTP_API_2, {"cookies": [SID]}, {"multiValueHeaders": {"Set-Cookie": [SID]}},
         "/cookies"),
        (made.LOAD_BALANCER, {"headers": {"Set-Cookie": SID}}, {"cookies": [SID]},
         "/headers/Set-Cookie"),
        (made.HTTP_API_1, {"headers": {"Set-Cookie": SID}}, {"cookies": [SID]},
         "/headers/Set-Cookie"),
    ],
)  # fmt: skip
def test_a_lost_cookie(
    event: object, current: dict[str, Any], target: dict[str, Any], expected: str
) -> None:
    assert found(judged(sent(**current), sent(**target), event)) == [("lost-cookie", expected)]


BREAKS, WARNS = True, False


@pytest.mark.parametrize(
    ("current", "target", "aspect", "breaks"),
    [
        ("HttpOnly", "", "http-only", BREAKS),
        ("", "HttpOnly", "http-only", BREAKS),
        ("Secure", "", "secure", WARNS),
        ("", "Secure", None, WARNS),
        ("Secure; SameSite=None", "", "same-site", BREAKS),
        ("Secure; SameSite=None", "Secure", "same-site", BREAKS),
        ("Secure; SameSite=None", "SameSite=None", "refused", BREAKS),
        ("SameSite=Lax", "SameSite=Strict", "same-site", BREAKS),
        ("SameSite=Lax", "", None, WARNS),
        ("", "samesite=lax", None, WARNS),
        ("SameSite=Strict", "SameSite=Lax", "same-site", WARNS),
        ("Domain=example.com", "", "domain", BREAKS),
        ("Domain=example.com", "Domain=.EXAMPLE.com", None, WARNS),
        ("Domain=example.com", "Domain=example.org", "domain", BREAKS),
        ("Domain=shop.example.com", "Domain=example.com", "domain", WARNS),
        ("", "Domain=example.com", "domain", WARNS),
        ("Path=/", "Path=/api", "path", BREAKS),
        ("Path=/api", "Path=/", "path", WARNS),
        ("Path=/", "", None, WARNS),
        ("Max-Age=3600", "Max-Age=60", None, WARNS),
        ("Max-Age=3600", "", "lifetime", WARNS),
        ("Max-Age=0", "Max-Age=-1", None, WARNS),
        ("Max-Age=0", "Expires=Thu, 01 Jan 1970 00:00:00 GMT", None, WARNS),
        ("Max-Age=0", "Expires=Thu, 01-Jan-1970 00:00:00 GMT", None, WARNS),
        ("Max-Age=0", "", "deletion", BREAKS),
        ("", "Max-Age=0", "deletion", BREAKS),
        ("Expires=Thu, 01 Jan 1970 00:00:00 GMT", "Expires=Fri, 01 Jan 2100 00:00:00 GMT",
         "deletion", BREAKS),
        ("Path=/; Max-Age=0", "Path=/api; Max-Age=0", "path", BREAKS),
    ],
)  # fmt: skip
def test_the_attributes_of_a_cookie(
    current: str, target: str, aspect: str | None, breaks: bool
) -> None:
    answers = (sent(cookies=[f"sid=1; {attributes}"]) for attributes in (current, target))
    judgement = judged(*answers)
    kinds = {kind for kind, _ in (found(judgement) if breaks else warned(judgement))}
    assert (f"cookie-{aspect}" in kinds) is (aspect is not None)
    if not breaks:
        assert found(judgement) == []


def test_a_cookie_that_lost_its_value() -> None:
    assert found(judged(sent(cookies=["sid=1"]), sent(cookies=['sid=""']))) == [
        ("cookie-emptied", "/cookies")
    ]


def test_a_path_that_is_not_set_is_the_folder_of_the_request() -> None:
    event = {**made.HTTP_API_2, "rawPath": "/api/login"}
    answers = sent(cookies=["sid=1; Path=/"]), sent(cookies=["sid=1"])
    assert found(judged(*answers, event)) == [("cookie-path", "/cookies")]


def test_a_prefix_asks_for_attributes() -> None:
    answers = (sent(cookies=[f"__Host-sid=1; Path=/{more}"]) for more in ("; Secure", ""))
    assert found(judged(*answers)) == [("cookie-refused", "/cookies")]


def test_a_cookie_is_told_without_its_value() -> None:
    current, target = sent(cookies=["sid=secret; HttpOnly"]), sent(cookies=["sid=secret"])
    (finding,) = judged(current, target).findings
    assert said(finding) == "orders:2 sets a cookie without HttpOnly: sid"
    assert (finding.current, finding.target) == ("sid=…; Path=/; HttpOnly", "sid=…; Path=/")


# --- headers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", FRONT_ENDS)
@pytest.mark.parametrize(
    ("name", "lost"),
    [
        ("X-Total-Count", BREAKS),
        ("Location", BREAKS),
        ("Link", BREAKS),
        ("Cache-Control", BREAKS),
        ("WWW-Authenticate", BREAKS),
        ("Content-Disposition", BREAKS),
        ("Access-Control-Allow-Origin", BREAKS),
        ("Access-Control-Expose-Headers", BREAKS),
        ("Access-Control-Allow-Credentials", BREAKS),
        ("X-RateLimit-Remaining", BREAKS),
        ("Retry-After", BREAKS),
        ("Strict-Transport-Security", WARNS),
        ("X-Content-Type-Options", WARNS),
        ("X-Frame-Options", WARNS),
        ("Content-Security-Policy", WARNS),
        ("Server-Timing", WARNS),
        ("ETag", WARNS),
        ("Last-Modified", WARNS),
        ("Date", WARNS),
        ("X-Request-Id", WARNS),
        ("X-Correlation-ID", WARNS),
        ("X-Amzn-Trace-Id", WARNS),
        ("X-Powered-By", WARNS),
        ("Vary", WARNS),
    ],
)
def test_a_lost_header(event: object, name: str, lost: bool) -> None:
    judgement = judged(sent(headers={name: "1"}), sent(), event)
    expected = [("lost-key", f"/headers/{name}")]
    if lost is BREAKS:
        assert (found(judgement), warned(judgement)) == (expected, [])
    else:
        assert (found(judgement), warned(judgement)) == ([], expected)


@pytest.mark.parametrize("event", FRONT_ENDS)
@pytest.mark.parametrize("mode", ["shape", "exact"])
@pytest.mark.parametrize("name", ["Content-Length", "Connection", "Transfer-Encoding"])
def test_what_a_front_end_sets_itself_is_no_difference(event: object, mode: str, name: str) -> None:
    for answers in ((sent(headers={name: "1"}), sent()), (sent(), sent(headers={name: "1"}))):
        judgement = judged(*answers, event, mode)
        assert (found(judgement), warned(judgement)) == ([], [])


@pytest.mark.parametrize("event", FRONT_ENDS[1:])
@pytest.mark.parametrize("mode", ["shape", "exact"])
@pytest.mark.parametrize(
    "more", [{"statusDescription": "200 OK"}, {"debug": {"took": 3}}, {"multiValueHeaders": {}}]
)
def test_what_a_front_end_drops_is_no_difference(
    event: object, mode: str, more: dict[str, Any]
) -> None:
    for answers in ((sent(**more), sent()), (sent(), sent(**more))):
        judgement = judged(*answers, event, mode)
        assert (found(judgement), warned(judgement)) == ([], [])


ORIGIN = asked(origin="https://app.example.com")
PREFLIGHT = asked({**made.HTTP_API_1, "httpMethod": "OPTIONS"}, origin="https://app.example.com")


@pytest.mark.parametrize(
    ("event", "name", "current", "target", "breaks"),
    [
        (ORIGIN, "Access-Control-Allow-Origin", "https://app.example.com", "*", False),
        (ORIGIN, "Access-Control-Allow-Origin", "*", "https://app.example.com", False),
        (ORIGIN, "Access-Control-Allow-Origin", "https://app.example.com",
         "https://old.example.com", True),
        (ORIGIN, "Access-Control-Allow-Origin", "https://app.example.com", "app.example.com", True),
        (ORIGIN, "Access-Control-Allow-Origin", "*", "null", True),
        (ORIGIN, "Access-Control-Allow-Origin", "https://a.example", "https://b.example", False),
        (made.HTTP_API_2, "Access-Control-Allow-Origin", "*", "https://a.example", True),
        (made.HTTP_API_2, "Access-Control-Allow-Origin", "https://a.example", "*", False),
        (made.HTTP_API_2, "Access-Control-Allow-Origin", "https://a.example", "https://b.example",
         True),
        (ORIGIN, "Access-Control-Allow-Credentials", "true", "false", True),
        (ORIGIN, "Access-Control-Expose-Headers", "X-Total, ETag", "ETag", True),
        (ORIGIN, "Access-Control-Expose-Headers", "X-Total", "*", False),
        (ORIGIN, "Access-Control-Expose-Headers", "X-Total, Content-Length", "x-total", False),
        (PREFLIGHT, "Access-Control-Allow-Methods", "GET, PUT", "GET", True),
        (PREFLIGHT, "Access-Control-Allow-Methods", "GET, PUT", "put", False),
        (PREFLIGHT, "Access-Control-Allow-Methods", "GET, PUT", "*", False),
        (PREFLIGHT, "Access-Control-Allow-Headers", "Content-Type,Authorization", "Content-Type",
         True),
        (PREFLIGHT, "Access-Control-Allow-Headers", "Content-Type,Authorization", "*", True),
        (PREFLIGHT, "Access-Control-Allow-Headers", "Content-Type", "content-type, X-New", False),
        (PREFLIGHT, "Access-Control-Max-Age", "600", "60", False),
        (made.HTTP_API_2, "WWW-Authenticate", 'Bearer realm="a"', 'Basic realm="a"', True),
        (made.HTTP_API_2, "WWW-Authenticate", 'Bearer realm="a"', 'bearer realm="b"', False),
        (made.HTTP_API_2, "Cache-Control", "no-store", "public, max-age=3600", True),
        (made.HTTP_API_2, "Cache-Control", "private, max-age=0", "max-age=60", True),
        (made.HTTP_API_2, "Cache-Control", "max-age=60", "max-age=600", False),
        (made.HTTP_API_2, "Cache-Control", "max-age=60", "no-store", False),
        (made.HTTP_API_2, "Content-Disposition", "attachment; filename=a.csv",
         "attachment; filename=b.csv", False),
        (made.HTTP_API_2, "Content-Disposition", "attachment; filename=a.csv", "inline", True),
        (made.HTTP_API_2, "X-Total", "17", "18", False),
        (made.HTTP_API_2, "X-Total", "17", "", True),
        (made.HTTP_API_2, "X-Total", "17", "many", True),
        (made.HTTP_API_2, "X-Total", "17", "17.5", False),
        (made.HTTP_API_2, "Retry-After", "17", "Thu, 12 Mar 2026 19:03:58 GMT", False),
        (asked(origin="https://api.example.com", host="api.example.com"),
         "Access-Control-Allow-Origin", "https://api.example.com", "https://old.example", False),
        (made.HTTP_API_2, "X-Total", "17", None, True),
    ],
)  # fmt: skip
def test_values_of_headers(
    event: object, name: str, current: str, target: str | None, breaks: bool
) -> None:
    judgement = judged(sent(headers={name: current}), sent(headers={name: target}), event)
    assert bool(found(judgement)) is breaks


def test_a_wildcard_lets_no_credentials_in() -> None:
    credentials = {"Access-Control-Allow-Credentials": "true"}
    name = "Access-Control-Allow-Origin"
    current = sent(headers={name: "https://app.example.com", **credentials})
    target = sent(headers={name: "*", **credentials})
    assert found(judged(current, target, ORIGIN)) == [("cors-origin", f"/headers/{name}")]


@pytest.mark.parametrize(
    ("status", "current", "target", "breaks"),
    [
        (302, "https://a.example/login", "https://b.example/login", True),
        (302, "https://a.example/login", "https://a.example/signin", True),
        (302, "https://api.example.com/login", "/login", False),
        (302, "/login", "https://API.example.com/login", False),
        (302, "/login?next=/a", "/login?next=/b", False),
        (302, "https://a.example/login", "http://a.example/login", True),
        (201, "/orders/1", "/orders/2", False),
        (201, "/orders/1", "/v1/orders/1", True),
        (201, "/orders/1", "/orders", True),
        (201, "/orders/6f1c-a", "https://api.example.com/orders/77", False),
        (201, "https://a.example/orders/1", "https://b.example/orders/2", True),
    ],
)
def test_where_a_location_leads(status: int, current: str, target: str, breaks: bool) -> None:
    event = asked(host="api.example.com")
    answers = (
        {"statusCode": status, "headers": {"Location": place}} for place in (current, target)
    )
    assert bool(found(judged(*answers, event))) is breaks


# --- what front ends refuse ---------------------------------------------------------------------

MULTI = {**made.LOAD_BALANCER, "multiValueHeaders": {}}


@pytest.mark.parametrize(
    ("event", "target", "location"),
    [
        (made.LOAD_BALANCER, sent(statusCode="200"), "/statusCode"),
        (made.LOAD_BALANCER, sent(headers=None), "/headers"),
        (made.LOAD_BALANCER, sent(headers={"X": 1}), "/headers/X"),
        (made.LOAD_BALANCER, sent(headers={"X": True}), "/headers/X"),
        (made.LOAD_BALANCER, sent(headers={"X": None}), "/headers/X"),
        (made.LOAD_BALANCER, sent(headers={"X": ["a"]}), "/headers/X"),
        (made.LOAD_BALANCER, sent(None), "/body"),
        (made.LOAD_BALANCER, sent(5), "/body"),
        (made.LOAD_BALANCER, sent(statusDescription=None), "/statusDescription"),
        (made.LOAD_BALANCER, sent(isBase64Encoded="false"), "/isBase64Encoded"),
        (made.LOAD_BALANCER, sent("x" * 1_048_600), "/body"),
        (made.LOAD_BALANCER, sent(statusCode=0), "/statusCode"),
        (MULTI, sent(multiValueHeaders={"X": "a"}), "/multiValueHeaders/X"),
        (MULTI, sent(multiValueHeaders={"X": [1]}), "/multiValueHeaders/X"),
        (MULTI, sent(multiValueHeaders=None), "/multiValueHeaders"),
        (made.REST_API, sent(cookies=[]), "/cookies"),
        (made.REST_API, sent(statusDescription="OK"), "/statusDescription"),
        (made.HTTP_API_2, sent(statusCode=1000), "/statusCode"),
    ],
)
def test_refused(event: object, target: object, location: str) -> None:
    assert found(judged(sent(), target, event)) == [("malformed-response", location)]
    assert found(judged(target, target, event)) == []


@pytest.mark.parametrize(
    ("event", "target"),
    [
        (made.LOAD_BALANCER, {"statusCode": 200, "body": "x"}),
        (made.LOAD_BALANCER, sent(headers={}, isBase64Encoded=False, statusDescription="200 OK")),
        (made.LOAD_BALANCER, sent(multiValueHeaders={"X": 1})),
        (MULTI, sent(headers={"X": 1})),
        (MULTI, sent(multiValueHeaders={"X": ["a"]})),
        (made.LOAD_BALANCER, sent("x" * 1_000_000)),
        (made.HTTP_API_1, sent(statusCode="200", headers={"X": 1})),
        (made.HTTP_API_2, sent("x" * 1_048_600, cookies=None)),
    ],
)
def test_not_refused(event: object, target: object) -> None:
    assert found(judged(sent(), target, event)) == []


# --- mode schema --------------------------------------------------------------------------------

SCHEMA = '{"type": "object", "required": ["a"], "properties": {"a": {"type": "number"}}}'


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (typed("application/json", BODY), []),
        (flagged(BODY, headers=JSON), []),
        (packed(BODY), []),
        (packed("{}"), [("schema-required", "/body/a")]),
        ({"headers": JSON, "body": BODY}, [("lost-key", "/statusCode")]),
        ({"body": BODY}, [("lost-key", "/statusCode")]),
        (typed("application/json", '{"a": NaN}'), [("not-json-number", "/body/a")]),
        (typed("application/json", '{"a": 1, "b": [Infinity]}'),
         [("not-json-number", "/body/b/0")]),
        (sent(BODY, isBase64Encoded=True), [("not-base64", "/body")]),
        (sent(BODY, statusCode="OK"), [("malformed-response", "/statusCode")]),
        (sent(BODY, statusCode=201), [("status-code", "/statusCode")]),
        # a schema of the body says nothing of headers
        (sent(BODY, headers={"X": "1"}), []),
    ],
)  # fmt: skip
def test_rules_of_a_front_end_hold_beside_a_schema(target: dict[str, Any], expected: Found) -> None:
    judgement = judged_responses.judged(
        [typed("application/json", BODY)] * 2, target, mode="schema", schema=SCHEMA,
        schema_at="/body", event=made.recognised(GZIP),
    )  # fmt: skip
    assert found(judgement) == expected


def test_a_number_that_json_does_not_have_misses_any_schema() -> None:
    judgement = judged_responses.judged(
        [{"a": 1.5}] * 2, {"a": float("nan")}, mode="schema", schema=SCHEMA
    )
    assert found(judgement) == [("not-json-number", "/a")]


# --- what the current version answers itself ----------------------------------------------------

HEADERS: dict[str, list[object]] = {
    "Content-Type": ["application/json", "text/html; charset=latin-1", "image/png", "", "x"],
    "content-type": ["text/plain"],
    "Content-Encoding": ["gzip", "br", "utf-8", "deflate", "gzip, br"],
    "Set-Cookie": ["a=1; Path=/x; Secure", "a=; Max-Age=0", "b=2, c=3", "", "=;", "d; HttpOnly"],
    "Location": ["/a", "https://a.example", "//b.example/c?d", "", "://", "?x"],
    "Access-Control-Allow-Origin": ["*", "null", "https://app.example.com"],
    "Access-Control-Allow-Credentials": ["true", True],
    "Access-Control-Expose-Headers": ["*", "X-A, , x-b"],
    "Cache-Control": ["no-store", "private, max-age=1", ""],
    "WWW-Authenticate": ["Basic", 'Bearer realm="a", error="b"', ","],
    "Content-Disposition": ["attachment; filename=a", "inline"],
    "Date": ["Thu, 12 Mar 2026 19:03:58 GMT"],
    "X-Total": [1, "2", "many", None, ["1", None], {}],
}
BODIES: list[object] = [
    "", "x", '{"a": 1}', '{"a": NaN}', "[1]", '"x"', "true", "True", "12", "<p>", "Grüße", "\ud800",
    coded(PNG), coded('{"a": 1}'), coded(gzip.compress(b"{}")), "A" * 40, None, 5, {"a": 1}, [],
]  # fmt: skip


def any_answer(chance: random.Random) -> object:
    """An answer of any form, proper or not."""
    answer: dict[str, object] = {}
    for name, values in {
        "statusCode": [200, 200, 200, "200", 204, 302, 500, None, "OK", 1000],
        "body": BODIES,
        "isBase64Encoded": [True, True, False, "true", None, {}],
        "cookies": [["a=1; HttpOnly"], ["a=2", "b=; Max-Age=0"], [], None, "a=1", [5]],
        "statusDescription": ["200 OK", None],
        "more": [1],
    }.items():
        if chance.random() < (0.9 if name in ("statusCode", "body") else 0.3):
            answer[name] = chance.choice(values)
    for place in ("headers", "multiValueHeaders"):
        if chance.random() < 0.5:
            names = chance.sample(sorted(HEADERS), chance.randrange(5))
            listed = place == "multiValueHeaders" and chance.random() < 0.9
            answer[place] = {
                name: [chance.choice(HEADERS[name])] if listed else chance.choice(HEADERS[name])
                for name in names
            }
        elif chance.random() < 0.2:
            answer[place] = chance.choice([None, [], "a"])
    return chance.choice([answer, answer, answer, answer, "text", None, [answer], 5])


@pytest.mark.parametrize("mode", ["shape", "exact"])
@pytest.mark.parametrize(
    "event",
    [GZIP, ORIGIN, PREFLIGHT, MULTI, *FRONT_ENDS, {"order": 1},
     {"raw_path": "/a", "method": "GET", "query_string_parameters": {}},
     {"requestContext": {"connectionId": "c", "eventType": "CONNECT"}}],
)  # fmt: skip
def test_what_the_current_version_answered_itself_is_never_a_difference(
    event: object, mode: str
) -> None:
    chance = random.Random(7)
    recognised = made.recognised(event)
    for _ in range(150):
        runs = [any_answer(chance), any_answer(chance)]
        for target in runs:
            judgement = judged_responses.judged(runs, target, mode=mode, event=recognised)
            assert (found(judgement), warned(judgement)) == ([], []), (runs, target)


@pytest.mark.parametrize("mode", ["shape", "exact"])
@pytest.mark.parametrize("event", [GZIP, MULTI, *FRONT_ENDS])
def test_any_answers_can_be_compared(event: object, mode: str) -> None:
    chance = random.Random(11)
    for _ in range(150):
        judgement = judged(any_answer(chance), any_answer(chance), event, mode)
        assert judgement.reason is None
