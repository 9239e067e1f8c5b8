"""What is said while somebody waits, on a clock that the test moves."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import pytest

from pytest_lambda_rollback.session import work as module
from pytest_lambda_rollback.session.work import Work


@dataclass
class Clock:
    """Each look at the future takes half a second; ``messages`` come from other threads."""

    ends_at: float
    messages: dict[float, str] = field(default_factory=dict)
    now: float = 0.0
    work: Work | None = None

    def monotonic(self) -> float:
        return self.now

    def wait(self, futures: tuple[Future[Any], ...], timeout: float) -> Any:
        self.now += 0.5
        message = self.messages.get(self.now)
        if message is not None and self.work is not None:
            self.work.say(message)
        if self.now >= self.ends_at:
            futures[0].set_result("done")
        return type("Waited", (), {"done": {each for each in futures if each.done()}})


def said(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> list[str]:
    lines: list[str] = []
    clock.work = Work(threads=1, progress=lines.append)
    monkeypatch.setattr(module, "wait", clock.wait)
    monkeypatch.setattr(module.time, "monotonic", clock.monotonic)
    assert clock.work.wait(Future(), "replaying create") == "done"
    return lines


def test_what_is_fast_is_done_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(monkeypatch, Clock(ends_at=1.5)) == []


def test_a_long_wait_is_told_less_and_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = said(monkeypatch, Clock(ends_at=200))
    assert lines == [f"replaying create ({s} s)" for s in (2, 5, 15, 60, 120, 180)]


def test_what_is_said_meanwhile_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(ends_at=5, messages={1.5: "building"})
    assert said(monkeypatch, clock) == ["building", "replaying create (4 s)"]
