"""Mistakes in a function's table that show without any version, found before AWS is asked.

The same readers are used again once versions are known (`functions`, `resolution`), so that a
mistake has the same message in either place. Raises ConfigError.
"""

from __future__ import annotations

from collections.abc import Collection

from pytest_lambda_rollback.config.function_keys import ACCEPT_FORM, acceptance_of, reference
from pytest_lambda_rollback.config.toml_table import Table
from pytest_lambda_rollback.config.version_tables import VERSION_KEYS


def check_references(table: Table, *, target_keys: Collection[str]) -> None:
    """Look at ``current``, ``targets`` and ``accept``, and resolve nothing.

    ``target_keys`` are the conditions that targets may be chosen by.
    """
    _check_current(table)
    _check_targets(table, target_keys)
    for accept in table.tables("accept", do=ACCEPT_FORM.format(table.key[-1])):
        acceptance_of(accept, label=reference(accept, "target"))


def _check_current(table: Table) -> None:
    if isinstance(table.values.get("current"), dict):
        table.table("current").only(("path", *(key for key in VERSION_KEYS if key != "code")))
    elif "current" in table:
        reference(table, "current")


def _check_targets(table: Table, known: Collection[str]) -> None:
    value = table.values.get("targets", {})
    if isinstance(value, list):
        for index, item in enumerate(value):
            name = f"targets[{index}]"
            reference(Table(file=table.file, key=table.key, values={name: item}), name)
        return
    if not isinstance(value, dict):
        raise table.wrong("targets", 'an array of versions, as in ["3", "2"], or { last = 3 }')
    said = Table(file=table.file, key=(*table.key, "targets"), values=value)
    said.only(known)
    for name in ("last", "max_age_days"):
        said.integer(name, 1, low=1)
    if "previous" in said:
        reference(said, "previous")
