"""A recording as a whole: what is written, kept, called stale and removed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.model.downstream import AwsExchange, HttpExchange
from pytest_lambda_rollback.recording.fixture_files import LEDGER
from pytest_lambda_rollback.recording.origins.folders import FolderOrigin
from pytest_lambda_rollback.recording.origins.queues import QueueOrigin
from pytest_lambda_rollback.recording.run import RecordOptions, RecordReport, record_function
from pytest_lambda_rollback.redaction.checking import check
from pytest_lambda_rollback.redaction.redactor import Redactor
from pytest_lambda_rollback.redaction.rules import RedactionRules
from pytest_lambda_rollback.sources import events

EMAIL = "ada.lovelace@shop-customer.org"


class NoAws:
    """An account that cannot be reached."""

    def client(self, service: str) -> Any:
        raise SourceError(f"AWS cannot be called for {service}", why="there is no network")


def sqs(body: object) -> dict[str, object]:
    text = json.dumps(body)
    return {
        "Records": [
            {
                "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
                "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
                "body": text,
                "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": {},
                "md5OfBody": hashlib.md5(text.encode()).hexdigest(),
                "md5OfMessageAttributes": "a" * 32,
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:orders",
                "awsRegion": "eu-west-1",
            }
        ]
    }


def schedule() -> dict[str, object]:
    return {
        "version": "0", "id": "x", "source": "aws.events", "detail-type": "Scheduled Event",
        "account": "123456789012", "time": "2026-11-23T09:00:00Z", "region": "eu-west-1",
        "resources": [], "detail": {},
    }  # fmt: skip


Recording = Callable[..., RecordReport]


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    folder.mkdir()
    return folder


@pytest.fixture
def recording(tmp_path: Path, raw: Path) -> Recording:
    def record(*origins: Any, **options: Any) -> RecordReport:
        progress = options.pop("progress", lambda _: None)
        return record_function(
            RecordOptions(
                function="orders",
                into=tmp_path / "fixtures",
                origins=origins or (FolderOrigin(path=raw),),
                **options,
            ),
            clients=NoAws(),
            redactor=Redactor(RedactionRules(), b"k" * 32),
            progress=progress,
        )

    return record


def write(folder: Path, **contents: object) -> None:
    for name, event in contents.items():
        (folder / f"{name}.json").write_text(json.dumps(event))


def fixtures(tmp_path: Path) -> dict[str, str]:
    folder = tmp_path / "fixtures"
    return {path.name: path.read_text() for path in sorted(folder.glob("*.json"))}


def test_nothing_is_written_before_all_is_redacted_and_nothing_that_is_not(
    tmp_path: Path, raw: Path, recording: Recording
) -> None:
    write(raw, one=sqs({"kind": "new", "email": EMAIL}), two=schedule())
    during: list[bool] = []
    report = recording(progress=lambda _: during.append((tmp_path / "fixtures").exists()))
    assert during == [False]
    texts = fixtures(tmp_path)
    assert len(texts) == 2
    assert report.written == tuple(texts)
    assert {each.fixtures[0] for each in report.new} == set(texts)
    assert dict(report.replaced)["email"] >= 1
    for path in (tmp_path / "fixtures").rglob("*"):
        assert EMAIL not in path.read_text()
        assert "lovelace" not in path.read_text()


def test_digests_of_what_was_redacted_do_not_give_it_away(
    tmp_path: Path, raw: Path, recording: Recording
) -> None:
    event = sqs({"kind": "new", "email": EMAIL})
    write(raw, one=event)
    recording()
    (name,) = fixtures(tmp_path)
    payload = json.loads(events.load(tmp_path / "fixtures" / name, name="x").payload)
    record = payload["Records"][0]
    assert record["md5OfBody"] == hashlib.md5(record["body"].encode()).hexdigest()
    assert record["md5OfBody"] != event["Records"][0]["md5OfBody"]  # type: ignore[index]
    assert "md5OfMessageAttributes" not in record
    assert record["receiptHandle"] == "recorded-receipt-handle"


def test_a_shape_that_is_known_is_not_recorded_twice(
    tmp_path: Path, raw: Path, recording: Recording
) -> None:
    write(raw, one=sqs({"kind": "new", "id": 1}), two=schedule())
    recording()
    before = fixtures(tmp_path)
    write(raw, one=sqs({"kind": "new", "id": 2}))
    report = recording()
    assert fixtures(tmp_path) == before
    assert (report.new, report.written, report.stale) == ((), (), ())
    assert sorted(each.fixtures[0] for each in report.known) == sorted(before)


def test_names_do_not_depend_on_the_order_of_reading(
    tmp_path: Path, raw: Path, recording: Recording
) -> None:
    write(raw, a=sqs({"kind": "new"}), b=schedule())
    recording()
    first = fixtures(tmp_path)
    for path in (tmp_path / "fixtures").iterdir():
        path.unlink()
    write(raw, b=sqs({"kind": "new"}), a=schedule())
    recording()
    assert list(fixtures(tmp_path)) == list(first)


def test_fixtures_of_shapes_that_were_not_seen_are_listed_and_stay(
    tmp_path: Path, raw: Path, recording: Recording
) -> None:
    write(raw, one=sqs({"kind": "new"}), two=schedule())
    recording()
    before = fixtures(tmp_path)
    (raw / "two.json").unlink()
    report = recording()
    assert len(report.stale) == 1
    assert "Scheduled" in before[report.stale[0]]
    assert fixtures(tmp_path) == before


def test_stale_fixtures_are_removed_if_asked_for_but_never_a_persons(
    tmp_path: Path, raw: Path, recording: Recording
) -> None:
    write(raw, one=sqs({"kind": "new"}), two=schedule())
    first = recording()
    write(tmp_path / "fixtures", mine={"a": {"persons": ["own", "event"]}})
    (raw / "two.json").unlink()
    report = recording(remove_stale=True)
    assert report.stale == ("mine.json",)
    assert len(report.removed) == 1
    assert set(fixtures(tmp_path)) == {"mine.json", *first.written} - set(report.removed)


def test_nothing_is_removed_where_not_all_was_read(
    tmp_path: Path, raw: Path, recording: Recording
) -> None:
    write(raw, one=sqs({"kind": "new"}), two=schedule())
    recording()
    before = fixtures(tmp_path)
    (raw / "two.json").unlink()
    write(raw, three=sqs({"kind": "new"}))
    report = recording(remove_stale=True, max_events=1)
    assert report.removed == ()
    assert len(report.stale) == 1
    assert "nothing was removed because not all events were read" in report.notes
    assert fixtures(tmp_path) == before


NESTED: dict[str, object] = {"a": "1"}
for _ in range(13):
    NESTED = {"a": json.dumps(NESTED)}


@pytest.mark.parametrize(
    ("content", "removed"),
    [
        ("{", 0),
        (json.dumps({"text": "x " * 3_200_000}), 0),
        (json.dumps(NESTED), 0),
        (
            json.dumps(
                {
                    "version": "1.0",
                    "timestamp": "2026-11-23T09:00:00Z",
                    "requestContext": {
                        "requestId": "x",
                        "functionArn": "arn:aws:lambda:eu-west-1:123456789012:function:other:1",
                        "condition": "RetriesExhausted",
                        "approximateInvokeCount": 3,
                    },
                    "requestPayload": {"a": 1},
                }
            ),
            1,
        ),
    ],
    ids=["no JSON", "too large", "not redactable", "another function"],
)
def test_nothing_is_removed_where_an_event_was_skipped(
    tmp_path: Path, raw: Path, recording: Recording, content: str, removed: int
) -> None:
    write(raw, one=sqs({"kind": "new"}), two=schedule())
    recording()
    (raw / "two.json").write_text(content)
    report = recording(remove_stale=True)
    assert sum(number for _, number in report.skipped) == 1
    assert (len(report.removed), len(report.stale)) == (removed, 1 - removed)
    said = [
        note for note in report.notes if "nothing was removed because 1 skipped item may" in note
    ]
    assert len(said) == 1 - removed


def test_a_recording_without_events_calls_nothing_stale(
    tmp_path: Path, raw: Path, recording: Recording
) -> None:
    write(raw, one=schedule())
    recording()
    (raw / "one.json").unlink()
    report = recording(remove_stale=True)
    assert (report.events, report.stale, report.removed) == (0, (), ())
    assert report.notes == ("no events were read, so no fixture counts as stale",)
    assert len(fixtures(tmp_path)) == 1


def test_an_origin_that_fails_is_told_and_the_others_are_recorded(
    tmp_path: Path, raw: Path, recording: Recording
) -> None:
    write(raw, one=schedule())
    report = recording(QueueOrigin(queue="orders"), FolderOrigin(path=raw))
    assert report.read == (("queue orders", 0), (f"folder {raw}", 1))
    assert report.failed == ("AWS cannot be called for sqs: there is no network.",)
    assert len(fixtures(tmp_path)) == 1


def test_where_no_origin_can_be_read_nothing_is_written(
    tmp_path: Path, recording: Recording
) -> None:
    with pytest.raises(SourceError, match="there is no network"):
        recording(QueueOrigin(queue="orders"))
    assert not (tmp_path / "fixtures").exists()


def test_what_could_not_be_used_is_counted(raw: Path, recording: Recording) -> None:
    write(raw, one=schedule(), large={"text": "x " * 3_200_000})
    (raw / "broken.json").write_text("{")
    report = recording()
    assert dict(report.skipped) == {
        "a file, an object or one of its lines is not JSON": 1,
        "an event is larger than Lambda accepts": 1,
    }


def test_several_fixtures_of_a_shape_where_asked_for(
    tmp_path: Path, raw: Path, recording: Recording
) -> None:
    write(raw, **{f"e{number}": sqs({"kind": "new", "id": number}) for number in range(5)})
    report = recording(per_shape=3)
    assert len(fixtures(tmp_path)) == 3
    assert len(report.new) == 1
    assert report.new[0].seen == 5


def test_the_ledger_knows_what_was_written(tmp_path: Path, raw: Path, recording: Recording) -> None:
    write(raw, one=schedule())
    (name,) = recording().written
    digest = hashlib.sha256((tmp_path / "fixtures" / name).read_bytes()).hexdigest()
    assert (tmp_path / "fixtures" / LEDGER).read_text() == f"{digest}  {name}\n"


# --- answers of services --------------------------------------------------------------------------


def asked(mail: str) -> list[dict[str, object]]:
    return [
        {
            "service": "dynamodb", "operation": "GetItem",
            "parameters": {"Key": {"mail": {"S": mail}}}, "result": {"Item": {"n": {"N": "1.10"}}},
        },
        {
            "method": "POST", "url": "https://api.example.com/",
            "body": {"$text": f'{{"m":"{mail}"}}'},
            "response": {"status": 200, "body": {"$text": '{"rate": 1.10}'}},
        },
    ]  # fmt: skip


def test_answers_of_services_are_redacted_with_their_event(
    tmp_path: Path, raw: Path, recording: Recording
) -> None:
    event = {"kind": "new", "email": EMAIL}
    write(raw, one={"lambda_rollback": 1, "event": event, "downstream": asked(EMAIL)})
    report = recording()
    assert report.notes == ()
    [(name, text)] = fixtures(tmp_path).items()
    assert "lovelace" not in text
    fixture = events.load(tmp_path / "fixtures" / name, name="x")
    mail = json.loads(fixture.payload)["email"]
    aws, http = fixture.downstream
    assert isinstance(aws, AwsExchange)
    assert isinstance(http, HttpExchange)
    assert json.loads(aws.parameters) == {"Key": {"mail": {"S": mail}}}
    assert json.loads(http.request_body) == {"m": mail}
    assert http.body == b'{"rate":1.10}'
    assert '"rate": 1.10' in text
    known = recording()
    assert (known.written, known.stale) == ((), ())


def test_answers_in_another_form_cost_no_event(
    tmp_path: Path, raw: Path, recording: Recording
) -> None:
    entry = {"service": "dynamodb", "operation": EMAIL}
    write(raw, one={"lambda_rollback": 1, "event": {"a": 1}, "downstream": [entry]})
    report = recording()
    assert len(report.written) == 1
    assert report.notes == (
        "answers of services are missing for 1 event: they are not in the form of recorded answers",
    )
    assert "downstream" not in fixtures(tmp_path)[report.written[0]]


def test_of_a_shape_the_event_with_answers_is_kept(
    tmp_path: Path, raw: Path, recording: Recording
) -> None:
    bare = {"lambda_rollback": 1, "event": {"a": 1}}
    write(raw, a=bare, b=bare | {"downstream": asked("x")}, c=bare, d=bare | {"downstream": []})
    recording(per_shape=2)
    found = [json.loads(text).get("downstream") for text in fixtures(tmp_path).values()]
    assert sorted(map(bool, found)) == [False, True]


def test_files_of_answers_are_neither_events_nor_fixtures(
    tmp_path: Path, raw: Path, recording: Recording
) -> None:
    answers = {"lambda_rollback_downstream": 1, "downstream": asked("x")}
    write(raw, one={"a": 1}, **{"one.downstream": answers})
    recording()
    write(tmp_path / "fixtures", **{"event.downstream": answers})
    report = recording()
    assert (report.existing, report.events, report.stale, report.notes) == (1, 1, (), ())


def test_leaks_in_answers_are_found(tmp_path: Path) -> None:
    bad = asked(EMAIL)
    write(tmp_path, one={"lambda_rollback": 1, "event": {}, "downstream": bad})
    write(tmp_path, **{"two.downstream": {"lambda_rollback_downstream": 1, "downstream": bad}})
    leaks = check([tmp_path], RedactionRules())
    assert {(each.path.name, each.pointer, each.detector) for each in leaks} == {
        (name, pointer, "email")
        for name in ("one.json", "two.downstream.json")
        for pointer in ("/downstream/0/parameters/Key/mail/S", "/downstream/1/body/$text/m")
    }
