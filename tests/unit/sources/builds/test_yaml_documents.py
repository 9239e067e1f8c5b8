"""YAML as templates have it: short forms, plain values, and no way to do harm."""

from __future__ import annotations

import pytest

from pytest_lambda_rollback.sources.builds.yaml_documents import UnreadableError, load


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: !Ref B", {"a": {"Ref": "B"}}),
        ("a: !GetAtt B.Outputs.C", {"a": {"Fn::GetAtt": ["B", "Outputs.C"]}}),
        ("a: !GetAtt [B, C]", {"a": {"Fn::GetAtt": ["B", "C"]}}),
        ("a: !Sub '${B}-c'", {"a": {"Fn::Sub": "${B}-c"}}),
        ("a: !Sub ['${B}', {B: !Ref C}]", {"a": {"Fn::Sub": ["${B}", {"B": {"Ref": "C"}}]}}),
        ("a: !If [B, !Ref C, 1]", {"a": {"Fn::If": ["B", {"Ref": "C"}, 1]}}),
        ("a: !Condition B", {"a": {"Condition": "B"}}),
        ("a: !Transform {Name: B}", {"a": {"Fn::Transform": {"Name": "B"}}}),
        ("a: 2010-09-09", {"a": "2010-09-09"}),
        ("a: 010", {"a": 8}),
        ("a: yes\nb: 1.5\nc: ~", {"a": True, "b": 1.5, "c": None}),
        ("a: &a {b: 1}\nc: {<<: *a, d: 2}", {"a": {"b": 1}, "c": {"b": 1, "d": 2}}),
        ("", None),
    ],
)
def test_what_is_read(text: str, value: object) -> None:
    assert load(text) == value


BOMB = "a0: &a0 {x: 1}\n" + "".join(
    f"a{i}: &a{i} {{{', '.join(f'k{n}: *a{i - 1}' for n in range(9))}}}\n" for i in range(1, 12)
)
MERGE_BOMB = "a0: &a0 {x: 1}\n" + "".join(
    f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}\n" for i in range(1, 12)
)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: [", "did not find expected node content in line 2"),
        ("a:\n\t- b", "found character that cannot start any token in line 2"),
        ("a: \x00", "it has characters that YAML does not allow"),
        ("a: *b", "found undefined alias in line 1"),
        ("a: 1\n---\nb: 2", "but found another document in line 2"),
        ("? [a]\n: 1", "found unhashable key in line 1"),
        ("a: " + "9" * 5000, "it has a number that cannot be read"),
        ('a: !!int ""', "it has a value that cannot be read"),
        ("a: !!bool maybe", "it has a value that cannot be read"),
        ("a: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
        ("a: !!python/name:os.getcwd", "could not determine a constructor"),
        ("[" * 200_000, "it is nested too deeply"),
        ("- " * 50_000 + "a", "it is nested too deeply"),
        (BOMB, "its aliases repeat too much"),
        (MERGE_BOMB, "its aliases repeat too much"),
        ("a: &a [*a]", "an alias contains itself"),
        ("a: &a {b: *a}", "an alias contains itself"),
    ],
    ids=range(17),
)
def test_what_is_refused(text: str, why: str) -> None:
    with pytest.raises(UnreadableError, match=why):
        load(text)


def test_a_message_has_no_part_of_the_document() -> None:
    with pytest.raises(UnreadableError) as caught:
        load("password: hunter2\nother: [hunter2\n}")
    assert "hunter2" not in str(caught.value)
