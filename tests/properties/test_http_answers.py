"""HTTP answers: what a client receives alike is no difference, and what it misses is one.

Both versions' answers are written by chance for a message, and the contract has to see through
the writing. Each row of the tables is one relation between what the two versions' clients receive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from helpers import made_events as made
from helpers.judged_responses import judged
from properties import documents
from properties.examples import EXAMPLES, chances
from properties.http_messages import (
    ALL,
    HARDENING,
    NEEDED,
    FrontEnd,
    Message,
    any_message,
    fits,
    written,
)
from pytest_lambda_rollback.model.findings import Judgement

FRONT_ENDS = pytest.mark.parametrize("end", ALL, ids=lambda end: end.name)

Change = Callable[[Message, Random], Message | None]
"""Another message; ``None`` for a message that has nothing to change."""

Pair = tuple[list[Any], Any]
"""Answers of the current version, and one of the target."""


def verdict(end: FrontEnd, pair: Pair, mode: str) -> Judgement:
    schema = "{}" if mode == "schema" else None
    return judged(*pair, mode=mode, event=made.recognised(end.event), schema=schema)


def pairs(end: FrontEnd, change: Change) -> Iterator[Pair]:
    found = 0
    for chance in chances():
        message = fits(end, any_message(chance))
        changed = change(message, chance)
        if changed is None:
            continue
        current = [written(end, message, chance) for _ in range(2)]
        yield current, written(end, changed, chance)
        found += 1
        if found == EXAMPLES:
            return
    raise AssertionError(f"only {found} messages could be changed")


def the_same(message: Message, _chance: Random) -> Message:
    return message


@FRONT_ENDS
@pytest.mark.parametrize("mode", ["shape", "exact", "schema"])
def test_the_same_message_in_any_writing_is_safe(end: FrontEnd, mode: str) -> None:
    for pair in pairs(end, the_same):
        assert verdict(end, pair, mode).findings == (), pair


# --- what a client does not miss ----------------------------------------------------------------


def more_members(message: Message, chance: Random) -> Message | None:
    if not message.is_json:
        return None
    return replace(message, body=documents.with_more_members(message.body, chance))


def another_text(message: Message, _chance: Random) -> Message | None:
    if not isinstance(message.body, str):
        return None
    return replace(message, body=f"{message.body} and more")


def other_content(message: Message, _chance: Random) -> Message | None:
    if not isinstance(message.body, bytes):
        return None
    return replace(message, body=b"\x89PNG\xfe and more")


def more_headers(message: Message, _chance: Random) -> Message:
    return replace(message, headers=(*message.headers, ("x-new", "1")))


def hardening_lost(message: Message, _chance: Random) -> Message | None:
    kept = tuple(header for header in message.headers if header[0] not in HARDENING)
    return replace(message, headers=kept) if kept != message.headers else None


UNMISSED: tuple[Change, ...] = (
    more_members, another_text, other_content, more_headers, hardening_lost,
)  # fmt: skip


@FRONT_ENDS
@pytest.mark.parametrize("change", UNMISSED, ids=lambda change: change.__name__)
def test_what_no_client_misses_is_safe(end: FrontEnd, change: Change) -> None:
    for pair in pairs(end, change):
        assert verdict(end, pair, "shape").findings == (), pair


# --- what a client misses -----------------------------------------------------------------------


def member_lost(message: Message, chance: Random) -> Message | None:
    if not message.is_json:
        return None
    return replace(message, body=documents.without_a_member(message.body, chance))


def member_of_another_type(message: Message, chance: Random) -> Message | None:
    if not message.is_json:
        return None
    return replace(message, body=documents.with_another_type(message.body, chance))


def another_status(message: Message, chance: Random) -> Message:
    others = [status for status in (200, 301, 400, 401, 403, 500) if status != message.status]
    return replace(message, status=chance.choice(others))


def another_media_type(message: Message, _chance: Random) -> Message | None:
    others = {
        "text/html": "text/plain",
        "text/plain": "text/html",
        "text/csv": "text/plain",
        "application/xml": "text/html",
        "image/png": "image/svg+xml",
        "application/pdf": "image/png",
        "application/octet-stream": "image/png",
    }
    other = others.get(message.media_type)
    return replace(message, media_type=other) if other else None


def header_lost(message: Message, chance: Random) -> Message | None:
    names = [name for name, _ in message.headers if name in NEEDED]
    if not names:
        return None
    lost = chance.choice(names)
    return replace(message, headers=tuple(h for h in message.headers if h[0] != lost))


def origin_changed(message: Message, _chance: Random) -> Message | None:
    headers = dict(message.headers)
    name = "access-control-allow-origin"
    if name not in headers:
        return None
    return replace(message, headers=tuple({**headers, name: "https://old.example.com"}.items()))


def cookie_lost(message: Message, _chance: Random) -> Message | None:
    return replace(message, cookies=message.cookies[1:]) if message.cookies else None


def cookie_deleted(message: Message, chance: Random) -> Message | None:
    if not message.cookies:
        return None
    first, *others = message.cookies
    past = (("Max-Age", "0"), ("Expires", "Thu, 01 Jan 1970 00:00:00 GMT"))
    gone = replace(first, value="", attributes=(*first.attributes, chance.choice(past)))
    return replace(message, cookies=(gone, *others))


def cookie_attribute_lost(message: Message, chance: Random) -> Message | None:
    first, *others = message.cookies or (None,)
    # Without SameSite it is Lax (RFC 6265bis).
    counted = [each for each in first.attributes[1:] if each[1] != "Lax"] if first else []
    if first is None or not counted:
        return None
    lost = chance.choice(counted)
    kept = tuple(each for each in first.attributes if each != lost)
    return replace(message, cookies=(replace(first, attributes=kept), *others))


def cookie_path_changed(message: Message, _chance: Random) -> Message | None:
    if not message.cookies:
        return None
    first, *others = message.cookies
    attributes = (("Path", "/old"), *first.attributes[1:])
    return replace(message, cookies=(replace(first, attributes=attributes), *others))


MISSED: tuple[Change, ...] = (
    member_lost, member_of_another_type, another_status, another_media_type, header_lost,
    origin_changed, cookie_lost, cookie_deleted, cookie_path_changed,
)  # fmt: skip


@FRONT_ENDS
@pytest.mark.parametrize("mode", ["shape", "exact"])
@pytest.mark.parametrize("change", MISSED, ids=lambda change: change.__name__)
def test_what_a_client_misses_breaks(end: FrontEnd, change: Change, mode: str) -> None:
    for pair in pairs(end, change):
        assert verdict(end, pair, mode).findings, pair


@FRONT_ENDS
@pytest.mark.parametrize("mode", ["shape", "exact"])
@pytest.mark.parametrize("change", [cookie_attribute_lost], ids=lambda change: change.__name__)
def test_what_may_harm_a_client_is_never_silent(end: FrontEnd, change: Change, mode: str) -> None:
    for pair in pairs(end, change):
        judgement = verdict(end, pair, mode)
        assert judgement.findings or judgement.warnings, pair


# --- what the front end cannot send ---------------------------------------------------------------

Spoil = Callable[[dict[str, Any]], bool]
"""Spoils an answer in place; False for one that it is not about."""


def base64_flag_lost(answer: dict[str, Any]) -> bool:
    return bool(answer.pop("isBase64Encoded", None))


def base64_flag_on_text(answer: dict[str, Any]) -> bool:
    is_text = not answer.get("isBase64Encoded")
    answer["isBase64Encoded"] = True
    return is_text


def _number_that_json_has_not(answer: dict[str, Any], number: str) -> bool:
    rest = answer["body"][1:]
    answer["body"] = f'{{"rate": {number}, {rest}' if rest[:1] != "}" else ""
    return rest[:1] != "}"


def not_a_number(answer: dict[str, Any]) -> bool:
    return answer["body"][:1] == "{" and _number_that_json_has_not(answer, "NaN")


def infinity(answer: dict[str, Any]) -> bool:
    return answer["body"][:1] == "{" and _number_that_json_has_not(answer, "-Infinity")


def printed_by_python(answer: dict[str, Any]) -> bool:
    is_json = answer["body"][:1] == "{"
    answer["body"] = answer["body"].replace('"', "'")
    return is_json


def cut_off(answer: dict[str, Any]) -> bool:
    is_json = answer["body"][:1] in ("{", "[")
    answer["body"] = answer["body"][:-1]
    return is_json


def body_emptied(answer: dict[str, Any]) -> bool:
    answer["body"] = ""
    return True


def body_lost(answer: dict[str, Any]) -> bool:
    del answer["body"]
    return True


def status_lost(answer: dict[str, Any]) -> bool:
    del answer["statusCode"]
    return True


def status_in_words(answer: dict[str, Any]) -> bool:
    answer["statusCode"] = "OK"
    return True


SPOILT: tuple[Spoil, ...] = (
    base64_flag_lost, base64_flag_on_text, not_a_number, infinity, printed_by_python, cut_off,
    body_emptied, body_lost, status_lost, status_in_words,
)  # fmt: skip


@FRONT_ENDS
@pytest.mark.parametrize("mode", ["shape", "exact"])
@pytest.mark.parametrize("spoil", SPOILT, ids=lambda spoil: spoil.__name__)
def test_a_spoilt_answer_breaks(end: FrontEnd, spoil: Spoil, mode: str) -> None:
    found = 0
    for chance in chances():
        message = fits(end, any_message(chance))
        current = [written(end, message, chance) for _ in range(2)]
        target = written(end, message, chance, whole=True)
        if not spoil(target):
            continue
        assert verdict(end, (current, target), mode).findings, (current, target)
        found += 1
        if found == EXAMPLES:
            return
    raise AssertionError(f"only {found} messages could be spoilt")
