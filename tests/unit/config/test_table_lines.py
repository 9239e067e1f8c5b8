from __future__ import annotations

from pathlib import Path

import pytest

from pytest_lambda_rollback.config.table_lines import TableLines

FILE = """\
engine = "process"

[functions.orders]  # the shop's
current = "2"
response.ignore = [
  "a",
  "b"]
[functions.orders.versions.2]
code = "a"
[ functions . "orders" . 'versions' . 1 ]
code = "b"
[[functions.orders.accept]]
target = "1"
check = "create"
[[functions.orders.accept]]
target = "1"
check = "gift*"

[functions.mail.versions.7]
code = "c"
[functions.bill]
accept = [{ target = "1", check = "create" }]
"""


@pytest.fixture
def lines(tmp_path: Path) -> TableLines:
    path = tmp_path / "lambda-rollback.toml"
    path.write_text(FILE)
    return TableLines.read(path)


def line_of(text: str) -> int:
    return next(n for n, line in enumerate(FILE.splitlines(), 1) if line.startswith(text))


def test_a_functions_table(lines: TableLines) -> None:
    assert lines.of_function("orders") == line_of("[functions.orders]") == 3


def test_a_function_without_a_table_of_its_own_begins_with_its_first_part(
    lines: TableLines,
) -> None:
    assert lines.of_function("mail") == line_of("[functions.mail.versions.7]")


def test_a_version(lines: TableLines) -> None:
    assert lines.of_version("orders", "2") == line_of("[functions.orders.versions.2]")
    assert lines.of_version("orders", "1") == line_of("[ functions")
    assert lines.of_version("orders", "9") is None


def test_an_acceptance(lines: TableLines) -> None:
    first, second = (
        n for n, line in enumerate(FILE.splitlines(), 1) if line.startswith("[[functions.orders")
    )
    assert lines.of_acceptance("orders", "1", "create") == first
    assert lines.of_acceptance("orders", "1", "gift*") == second
    assert lines.of_acceptance("orders", "2", "create") == lines.of_function("orders")
    assert lines.of_acceptance("bill", "1", "create") == line_of("[functions.bill]")


def test_what_cannot_be_located_is_on_the_first_line(lines: TableLines, tmp_path: Path) -> None:
    assert lines.of_function("discovered") == 1
    assert TableLines.read(tmp_path / "none.toml").of_function("orders") == 1
    broken = tmp_path / "broken.toml"
    broken.write_text("[functions.orders\n")
    assert TableLines.read(broken).of_function("orders") == 1


def test_tables_of_a_pyproject(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text(
        "[project]\n[functions.orders]\n[tool.lambda-rollback]\n"
        "[tool.lambda-rollback.functions.orders]\n"
        "[[tool.lambda-rollback.functions.orders.accept]]\ntarget = '1'\ncheck = 'a'\n"
    )
    lines = TableLines.read(path)
    assert lines.of_function("orders") == 4
    assert lines.of_acceptance("orders", "1", "a") == 5
