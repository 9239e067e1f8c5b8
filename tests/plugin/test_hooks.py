"""Other plugins may bring an engine, and take results and the report."""

from __future__ import annotations

import pytest

from helpers.made_projects import Project


def test_an_engine_of_another_plugin_and_the_report_hooks(project: Project) -> None:
    project.pytester.makeconftest(
        """
        import json
        from pytest_lambda_rollback.model.replay import EngineDescription, Outcome, OutcomeKind

        class Environment:
            alive = True
            def invoke(self, invocation):
                return Outcome(kind=OutcomeKind.RESPONSE, payload=b'{"ok": true}')
            def close(self):
                self.alive = False

        class Engine:
            name = "theirs"
            def prepare(self, version, progress): pass
            def start(self, version): return Environment()
            def describe(self): return EngineDescription(name=self.name, version="7")
            def close(self): pass

        def pytest_lambda_rollback_make_engine(config, settings, progress):
            return Engine()

        def pytest_lambda_rollback_result(config, result, nodeid):
            print("RESULT", nodeid, result.verdict)

        def pytest_lambda_rollback_report(config, report):
            print("REPORT", report["verdict"], report["engine"])
        """
    )
    result = project.run("-s")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        [
            "*RESULT lambda-rollback.toml::orders::1-alias::create safe*",
            "*REPORT safe theirs*",
            "engine theirs 7",
        ]
    )


def test_an_event_source_that_is_not_one_is_refused_before_anything_runs(project: Project) -> None:
    project.pytester.makeconftest(
        """
        def pytest_lambda_rollback_event_sources():
            return ["sqs"]
        """
    )
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [
            "ERROR: a plugin returned 'sqs' for its event sources: an EventSource is expected. "
            "Correct or uninstall the plugin."
        ]
    )
