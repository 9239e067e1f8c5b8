from __future__ import annotations

import os
import zipfile

import pytest

from helpers.made_projects import ANSWERS, Project

BREAK = "lambda-rollback.toml::orders::1-alias::gift_card"


def test_a_break_fails_with_the_answer_first(project: Project) -> None:
    result = project.run("--lambda-rollback-strategy=alias")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=4, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*= FAILURES =*",
            "breaks: gift_card: orders:1 by alias raises KeyError: *sku*where orders:2 answers",
            "event: *gift_card.json",
            "invocation: function-error at app.py:4",
            '  current  {"statusCode":*200*"id":*2}',
            "  target   KeyError: 'sku'",
            "  stack trace from inside the function:",
            "*app.py*line 4, in handler*",
            "Repeat just this check with:",
            f"  pytest --lambda-rollback --lambda-rollback-engine=sandbox {BREAK}",
            # pytest's own summary cuts lines, so the error is first there. The answer is last.
            f"FAILED {BREAK} - breaks: KeyError: 'sku' where orders:2 answers",
            "*= lambda-rollback =*",
            "orders, current version 2",
            "  target  alias",
            "  1       BREAKS (1 breaks, 4 safe)",
            "  1 by alias: no change of layers, runtime or environment heals it: KeyError: 'sku'*",
            "    (gift_card)",
            "orders has no safe target: every one that was checked breaks.",
            "*= 1 failed, 4 passed *",
        ]
    )


def test_a_reason_that_was_told_is_not_told_in_full_again(project: Project) -> None:
    result = project.run()
    result.assert_outcomes(passed=8, failed=2)
    result.stdout.fnmatch_lines(
        [
            "breaks: gift_card: orders:1 by alias raises KeyError: 'sku' where orders:2 answers",
            "Repeat just this check with:",
            "breaks: gift_card: orders:1 by redeploy raises KeyError: 'sku' where orders:2 answers",
            "  current  {*",
            "  target   KeyError: 'sku'",
            f"Same failure as {BREAK}; see it for details",
            "  1 by alias and redeploy: no change of layers, runtime or environment heals it*",
        ]
    )
    for once in ("stack trace from inside", "Repeat just this check with:"):
        assert result.stdout.str().count(once) == 1


def test_a_distributed_run_has_the_same_lines(project: Project) -> None:
    result = project.run("-n1", "--lambda-rollback-strategy=alias")
    result.stdout.fnmatch_lines(
        [
            "breaks: gift_card: orders:1 by alias raises KeyError: 'sku' where orders:2 answers",
            f"FAILED {BREAK} - breaks: KeyError: 'sku' where orders:2 answers",
            "orders has no safe target: every one that was checked breaks.",
        ]
    )


def test_a_break_in_a_partial_run_is_named(project: Project) -> None:
    result = project.run("-k", "gift_card and alias or create and redeploy")
    result.stdout.fnmatch_lines(
        [
            "  1       BREAKS (1 breaks, 4 not checked)  UNKNOWN (1 safe, 4 not checked)",
            "No target of orders is known to be safe: 1 by alias breaks; 1 by redeploy was *",
        ]
    )


def test_the_repeat_command_repeats_the_check(project: Project) -> None:
    result = project.run(BREAK)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(failed=1)


def test_a_safe_target_passes_and_is_named(project: Project) -> None:
    project.version("1")
    result = project.run()
    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=10)
    result.stdout.fnmatch_lines(
        ["  1       safe (5 safe)  safe (5 safe)", "The newest safe target of orders is 1, by *"]
    )


def test_a_partial_run_does_not_call_a_target_safe(project: Project) -> None:
    result = project.run("-k", "create and alias")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        [
            "  1       UNKNOWN (1 safe, 4 not checked)",
            "No target of orders is known to be safe: 1 by redeploy was not checked; 1 by alias *",
        ]
    )


def accept(until: str = "2999-01-31", strategy: str = "") -> str:
    return (
        '[[functions.orders.accept]]\ntarget = "1"\ncheck = "gift*"\n'
        f'reason = "1 predates gift cards"\nuntil = {until}\n{strategy}'
    )


def test_an_accepted_break_is_an_expected_failure(project: Project) -> None:
    project.configure('current = "2"', 'events = "events"', accept())
    result = project.run("-rx")
    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=8, xfailed=2)
    result.stdout.fnmatch_lines(["*1 predates gift cards (accepted until 2999-01-31)*KeyError*"])


def test_an_acceptance_past_its_date_fails(project: Project) -> None:
    project.configure('current = "2"', 'events = "events"', accept("2020-01-31"))
    result = project.run("--lambda-rollback-strategy=alias")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["breaks: gift_card: *ended on 2020-01-31*"])


def test_an_acceptance_that_does_not_break_any_more_fails(project: Project) -> None:
    project.version("1")
    project.configure('current = "2"', 'events = "events"', accept())
    result = project.run("--lambda-rollback-strategy=alias")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=4, failed=1)
    result.stdout.fnmatch_lines(
        ["stale acceptance: orders:1 by alias is safe on gift_card: *does not break any more*"]
    )


def test_unknown_fails_and_says_so_unless_the_user_says_otherwise(project: Project) -> None:
    project.version("2", RAISES := "def handler(event, context):\n    raise ValueError('no')\n")
    assert RAISES
    result = project.run("--lambda-rollback-strategy=alias")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=3, failed=2)
    result.stdout.fnmatch_lines(["unknown: orders:1 by alias on create: *ValueError*expect*"])
    project.configure('current = "2"', 'events = "events"', top='unknown = "skip"')
    result = project.run("--lambda-rollback-strategy=alias")
    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=3, skipped=2)
    result.stdout.fnmatch_lines(
        [
            "*UNKNOWN (2 unknown, 3 safe)*",
            "  1 by alias: unknown: orders:2, the current version, raises ValueError: no on this *",
            "No target of orders is known to be safe: see the unknown checks above.",
        ]
    )


def test_an_expected_error_is_a_usable_baseline(project: Project) -> None:
    project.version("2", "def handler(event, context):\n    raise ValueError('no')\n")
    project.version("1", "def handler(event, context):\n    raise ValueError('nope')\n")
    project.event("create", {"lambda_rollback": 1, "event": {}, "expect": {"error": "ValueError"}})
    (project.path / "events" / "gift_card.json").unlink()
    result = project.run()
    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=8)


def test_no_events_and_no_targets_are_unknown_never_safe(project: Project) -> None:
    for path in (project.path / "events").iterdir():
        path.unlink()
    result = project.run("--lambda-rollback-strategy=alias")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["unknown: orders:1 by alias on events: there is no event fixture*"]
    )
    project.configure('current = "1"', 'events = "events"', versions=("1",))
    result = project.run()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["unknown: orders has no rollback target*"])
    project.configure('current = "2"', 'events = "events"', "targets = []")
    result = project.run()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["unknown: orders has no rollback target: *targets is empty. List the versions *"]
    )


def test_a_refused_package_makes_only_its_own_checks_unknown(project: Project) -> None:
    outside = project.path / "versions" / "1" / "passwd"
    outside.symlink_to("/etc/passwd")
    result = project.run("--lambda-rollback-strategy=alias")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["unknown: orders:1 by alias on create: orders:1 cannot be run: *"])


def test_the_first_failure_stops_with_x(project: Project) -> None:
    result = project.run("-x")
    result.assert_outcomes(passed=4, failed=1)


def test_last_failed_repeats_the_break_only(project: Project) -> None:
    arguments = ("--lambda-rollback", "--lambda-rollback-engine=sandbox")
    project.pytester.runpytest_subprocess(*arguments, timeout=120)
    result = project.pytester.runpytest_subprocess(*arguments, "--lf", timeout=120)
    result.assert_outcomes(failed=2, deselected=8)


@pytest.mark.parametrize("more", [(), ("-n1",)], ids=["one process", "distributed"])
def test_junit_xml_names_checks_and_carries_the_text(
    project: Project, more: tuple[str, ...]
) -> None:
    project.run("--junitxml=junit.xml", *more)
    text = (project.path / "junit.xml").read_text()
    assert "<property" not in text
    assert 'classname="lambda-rollback.toml.orders.1-alias" name="gift_card"' in text
    assert "breaks: gift_card: orders:1 by alias raises KeyError" in text


def test_ordinary_tests_run_beside_the_checks(project: Project) -> None:
    project.pytester.makepyfile(test_ordinary="def test_it(): pass")
    project.run().assert_outcomes(passed=9, failed=2)


def test_a_mode_that_lambdas_user_cannot_read_is_not_shown_as_safe(project: Project) -> None:
    with zipfile.ZipFile(project.path / "one.zip", "w") as package:
        package.writestr("app.py", ANSWERS)  # zipfile writes mode 0600
    project.write(
        (project.path / "lambda-rollback.toml").read_text().replace("versions/1", "one.zip")
    )
    result = project.run("-k", "create and alias")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    # As root the sandbox gives files another owner than the function, as Lambda does.
    as_on_lambda = "breaks: create: orders:1 by alias fails to initialise with PermissionError*"
    refused = "unknown: orders:1 by alias on create: *app.py*is not readable by Lambda*docker*"
    result.stdout.fnmatch_lines([as_on_lambda if os.geteuid() == 0 else refused])
    in_a_process = project.run("-k", "create and alias", engine="process")
    in_a_process.stdout.fnmatch_lines([refused])


def test_values_of_the_environment_are_not_shown(project: Project) -> None:
    project.version(
        "1",
        "import os\n\ndef handler(event, context):\n    raise ValueError(os.environ['TOKEN'])\n",
    )
    text = (project.path / "lambda-rollback.toml").read_text()
    project.write(
        text.replace(
            'handler = "app.handler"',
            'handler = "app.handler"\nenvironment = { TOKEN = "a-secret-value" }',
        )
    )
    result = project.run("--lambda-rollback-json=r.json", "--junitxml=j.xml")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*ValueError: <TOKEN> where*"])
    everything = result.stdout.str() + (project.path / "r.json").read_text()
    assert "a-secret-value" not in everything + (project.path / "j.xml").read_text()


def test_an_acceptance_of_several_checks_needs_one_of_them_to_break(project: Project) -> None:
    entry = (
        '[[functions.orders.accept]]\ntarget = "1"\ncheck = "*"\nreason = "r"\nuntil = 2999-01-01'
    )
    project.configure('current = "2"', 'events = "events"', entry)
    result = project.run()
    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=8, xfailed=2)
    project.version("1")
    result = project.run("--lambda-rollback-json=r.json")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=10)
    result.stdout.fnmatch_lines(["stale acceptance: *none of the 4 checks that '[*]' on 1 covers*"])


def test_a_functions_text_does_not_steer_the_terminal(project: Project) -> None:
    project.version("1", "def handler(event, context):\n    raise ValueError('a\\n\\x1b[31mred')\n")
    result = project.run("-k", "create and alias", "--color=no")
    assert "\x1b" not in result.stdout.str()
