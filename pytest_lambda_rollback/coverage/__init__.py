"""Fixture coverage: which lines of a target's own code its events reached.

It is measured outside the judged replays: each event is replayed once more on a
version with one more layer (`layer`), whose agent (`agent`) records lines inside the execution
environment; `lines` reads and merges what agents answer. It uses no engine, contract
or report.
"""
