"""Frames of stack traces, and the packages that their files lie in."""

from __future__ import annotations

import pytest

from pytest_lambda_rollback.aws_lambda.search_path import Place
from pytest_lambda_rollback.aws_lambda.stack_traces import (
    Frame,
    below_own_code,
    frames,
    location,
    own_location,
    own_source,
    place_of,
    without_frames,
)

TRACE = (
    '  File "/var/task/app.py", line 3, in handler\n    return total(event)\n',
    '  File "/opt/python/acme/money.py", line 7, in total\n    return a["b"]\n',
    '  File "/var/lang/lib/python3.11/json/decoder.py", line 355, in raw_decode\n',
)


@pytest.mark.parametrize(
    ("file", "place"),
    [
        ("/var/task/app.py", (Place.CODE, "app.py")),
        ("/var/task/opt/app.py", (Place.CODE, "opt/app.py")),
        ("/opt/python/acme.py", (Place.LAYERS, "python/acme.py")),
        ("/opt/task/acme.py", (Place.LAYERS, "task/acme.py")),
        ("/home/me/.cache/ab12/task/app.py", (Place.CODE, "app.py")),
        ("/home/me/.cache/ab12/opt/python/acme.py", (Place.LAYERS, "python/acme.py")),
        ("/options/acme.py", None),
        ("/var/runtime/bootstrap.py", None),
        ("<frozen os>", None),
    ],
)
def test_place(file: str, place: tuple[Place, str] | None) -> None:
    assert place_of(file) == place


@pytest.mark.parametrize(
    ("file", "own"),
    [
        ("/var/task/lib/app.py", "lib/app.py"),
        ("/var/task/python/lib/python3.11/site-packages/jwt/api.py", None),
        ("/var/task/vendor/dist-packages/jwt/api.py", None),
        ("/var/task/node_modules/sdk/send.js", None),
        ("/var/task/my_node_modules/send.js", "my_node_modules/send.js"),
        ("/opt/python/acme.py", None),
    ],
)
def test_packages_installed_into_the_code_are_not_its_own(file: str, own: str | None) -> None:
    assert Frame(file=file, line=1).own == own


def test_frames_come_innermost_first() -> None:
    inner, middle, outer = frames(TRACE)

    assert (inner.file, inner.line) == ("/var/lang/lib/python3.11/json/decoder.py", 355)
    assert (middle.in_layer, middle.source) == ("acme/money.py", 'return a["b"]')
    assert (outer.own, outer.source) == ("app.py", "return total(event)")
    assert own_source(TRACE) == "return total(event)"
    assert below_own_code(TRACE) == (inner, middle)


def test_node_frames_come_innermost_first() -> None:
    trace = (
        "TypeError: x",
        "    at place (/var/task/lib/place.js:3:9)",
        "    at async handler (file:///var/task/index.mjs:4:1)",
        "    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)",
    )

    assert [(frame.own, frame.line) for frame in frames(trace)] == [
        ("lib/place.js", 3),
        ("index.mjs", 4),
    ]


def test_a_finding_points_into_layers_where_no_own_code_failed() -> None:
    assert (own_location(TRACE), location(TRACE)) == ("app.py:3", "app.py:3")
    assert (own_location(TRACE[1:]), location(TRACE[1:])) == (None, "acme/money.py:7")
    assert location(TRACE[2:]) is None


def test_sources_and_messages_are_what_is_left_without_frames() -> None:
    assert without_frames("".join(TRACE)) == ["    return total(event)", '    return a["b"]']
