"""Comparing HTTP answers: status, headers, cookies and content types.

What is noted here is what a client would notice by the rules of HTTP. `body_differences` does the
same for bodies; values that no rule knows are left to the general comparison.
"""

from __future__ import annotations

from collections.abc import Sequence

from pytest_lambda_rollback.aws_lambda.event_sources.answers.bodies import document_of
from pytest_lambda_rollback.aws_lambda.event_sources.answers.content_types import (
    note_charset,
    note_content_type,
)
from pytest_lambda_rollback.aws_lambda.event_sources.answers.cookies import note_cookies
from pytest_lambda_rollback.aws_lambda.event_sources.answers.http_answer import HttpAnswer
from pytest_lambda_rollback.aws_lambda.event_sources.answers.http_headers import (
    describes,
    note_headers,
    note_values,
    only_warns,
)
from pytest_lambda_rollback.aws_lambda.event_sources.answers.http_members import (
    HEADER_OBJECTS,
    Request,
)
from pytest_lambda_rollback.aws_lambda.event_sources.interface import (
    Differences,
    Event,
    Object,
)
from pytest_lambda_rollback.model.json_values import one_line, short_text

PATH_STATUS = ("statusCode",)
PATH_BODY = ("body",)


def note_status(runs: Sequence[HttpAnswer], other: HttpAnswer, differences: Differences) -> bool:
    """Note another status code; True when it is of another class, so that all else follows."""
    codes = [run.status for run in runs if run.status is not None]
    if len(codes) != len(runs) or other.status is None or differences.ignored(PATH_STATUS):
        return False
    if other.status in codes:
        return False
    of_another_class = all(other.status // 100 != code // 100 for code in codes)
    differences.rule(
        PATH_STATUS,
        "status-code",
        f"TARGET answers with status {other.status} where CURRENT answers {codes[0]}",
        str(codes[0]),
        str(other.status),
        note=_body_note(other) if of_another_class else "",
    )
    return of_another_class


def _body_note(answer: HttpAnswer) -> str:
    text = answer.body.text if answer.body is not None else None
    if text:
        return f", with the body {one_line(text)}"
    raw = answer.raw_body
    return "" if raw is None or isinstance(raw, str) else f", with the body {short_text(raw)}"


# --- the comparison ---------------------------------------------------------------------------


def compared(
    runs: Sequence[HttpAnswer],
    other: HttpAnswer,
    differences: Differences,
    *,
    request: Request,
    event: Event,
    exact: bool,
) -> list[Object]:
    """Note what HTTP says of all but the bodies; what is left to compare, the target's last."""
    objects = [dict(run.others) for run in (*runs, other)]
    _add_status(objects, runs, other)
    if not _note_other_headers(runs, other, differences):
        note_cookies([run.cookies for run in runs], other.cookies, differences)
        headers = [run.headers for run in runs]
        note_headers(headers, other.headers, differences, request=request)
        if not exact:
            status = other.status
            note_values(headers, other.headers, differences, request=request, status=status)
        _add_headers(objects, runs, other, method=request.method, exact=exact)
        _note_types(runs, other, objects, differences, event=event, exact=exact)
    return objects


def _add_status(objects: Sequence[Object], runs: Sequence[HttpAnswer], other: HttpAnswer) -> None:
    """Leave status codes that no front end could read to the general comparison."""
    answers = (*runs, other)
    if all(answer.status is not None for answer in answers):
        return
    for each, answer in zip(objects, answers, strict=True):
        if "statusCode" in answer.value:
            raw = answer.value["statusCode"]
            each["statusCode"] = raw if answer.status is None else answer.status


def _note_other_headers(
    runs: Sequence[HttpAnswer], other: HttpAnswer, differences: Differences
) -> bool:
    """Note headers that are no object, where the current version's are; True for any."""
    wrong = False
    for place in other.places:
        found = other.value.get(place)
        known = [run.value.get(place) for run in runs]
        if found is None or isinstance(found, dict) or not all(known):
            continue
        if all(isinstance(each, dict) for each in known):
            differences.retyped((place,), ["object"], known[0], found)
            wrong = True
    return wrong


def _add_headers(
    objects: Sequence[Object],
    runs: Sequence[HttpAnswer],
    other: HttpAnswer,
    *,
    method: str,
    exact: bool,
) -> None:
    """Leave the values of headers to the general comparison, without those that were noted.

    What describes one answer alone (times, ids, validators) is not compared.
    """
    answers = (*runs, other)
    spelling = {key: header.path for run in reversed(runs) for key, header in run.headers.items()}
    for each, answer in zip(objects, answers, strict=True):
        for key, header in answer.headers.items():
            name = key.rpartition("/")[2]
            if describes(name) or (key not in other.headers) or not other.headers[key].line:
                continue
            if key not in spelling and (not exact or only_warns(name, method)):
                continue
            place, spelt = spelling.get(key, header.path)
            into = each.setdefault(str(place), {})
            if isinstance(into, dict):
                into[str(spelt)] = header.line
    places = {name for each in objects for name in each if name in HEADER_OBJECTS}
    for each in objects:
        for place in places:
            each.setdefault(place, {})
    if exact:
        _add_cookies(objects, answers)


def _add_cookies(objects: Sequence[Object], answers: Sequence[HttpAnswer]) -> None:
    """Leave the values of cookies that all answers set to the comparison of values."""
    common = set.intersection(*(set(answer.cookies) for answer in answers))
    for each, answer in zip(objects, answers, strict=True):
        values: Object = {name: answer.cookies[name].value for name in sorted(common)}
        if values:
            each["cookies"] = values


def _note_types(
    runs: Sequence[HttpAnswer],
    other: HttpAnswer,
    objects: Sequence[Object],
    differences: Differences,
    *,
    event: Event,
    exact: bool,
) -> None:
    """Note other content types; where values are compared, leave those that are set to that."""
    is_set = all(each.content_type.origin == "set" for each in (*runs, other))
    if exact and is_set and not any(run.content_type.reads_as(other.content_type) for run in runs):
        place, name = runs[0].content_type.path
        for each, answer in zip(objects, (*runs, other), strict=True):
            into = each.setdefault(str(place), {})
            if isinstance(into, dict):
                into[str(name)] = answer.content_type.value
        return
    if not all(answer.raw_body for answer in (*runs, other)):
        return  # a type of no content
    types = [run.content_type for run in runs]
    texts = [answer.body.text if answer.body else None for answer in (*runs, other)]
    looks = types[0].origin != "set" and not differences.ignored(PATH_BODY)
    has_json = looks and all(document_of(text, is_json=True) is not None for text in texts)
    note_content_type(
        types, other.content_type, differences, has_json=has_json, front_end=event.source.name
    )
    note_charset(types, other.content_type, differences, body=texts[-1])
