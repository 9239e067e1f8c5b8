"""What a configuration says of functions in AWS, and which of their versions are checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from helpers.made_versions import changed
from pytest_lambda_rollback.config.files import CommandLine, artifact_paths, load
from pytest_lambda_rollback.errors import ConfigError, RollbackError, SourceError
from pytest_lambda_rollback.model.builds import Build
from pytest_lambda_rollback.model.published import (
    AliasFacts,
    AwsSource,
    Discovery,
    Environment,
    PublishedFunction,
    PublishedVersion,
)
from pytest_lambda_rollback.model.services import TemplateResources
from pytest_lambda_rollback.model.settings import (
    FunctionSettings,
    LocalVersion,
    Redact,
    Settings,
    Store,
)
from pytest_lambda_rollback.model.versions import FunctionConfiguration, PackageKind, RemotePackage
from pytest_lambda_rollback.session.plan import checks_of

NOW = datetime(2026, 11, 1, tzinfo=UTC)
ARN = "arn:aws:lambda:eu-west-1:111122223333:function:billing-prod"
LAYER = "arn:aws:lambda:eu-west-1:111122223333:layer:third-party:2"


def version(number: str, **changes: object) -> PublishedVersion:
    plain = PublishedVersion(
        function="billing",
        version=number,
        arn=f"{ARN}:{number}",
        code=RemotePackage(
            kind=PackageKind.CODE, arn=f"{ARN}:{number}", size_bytes=10, sha256="a" * 64
        ),
        layers=(RemotePackage(kind=PackageKind.LAYER, arn=LAYER, size_bytes=5),),
        configuration=FunctionConfiguration(runtime="python3.11", handler="app.handler"),
        environment_names=("KEY", "TABLE"),
        modified=f"2026-0{number}-01T00:00:00.000+0000" if number.isdecimal() else "",
    )
    return changed(plain, **changes)


LIVE = AliasFacts(
    name="live",
    version="4",
    history=(("2026-01-01", "2"), ("2026-02-01", "1"), ("2026-04-01", "4")),
)
BILLING = PublishedFunction(
    name="billing",
    arn=ARN,
    versions=tuple(version(number) for number in ("$LATEST", "5", "4", "3", "2", "1")),
    aliases=(LIVE,),
    as_of="2026-11-01T00:00:00+00:00",
)


@dataclass
class Account:
    """A whole account in memory; what it was asked is kept."""

    functions: Mapping[str, PublishedFunction | RollbackError] = field(
        default_factory=lambda: {"billing": BILLING}
    )
    discovered: tuple[str, ...] | RollbackError = ()
    built: Build | None = None
    asked: list[AwsSource] = field(default_factory=list)
    sweeps: list[str] = field(default_factory=list)
    builds: list[tuple[object, ...]] = field(default_factory=list)
    templates: list[Path] = field(default_factory=list)
    resources: TemplateResources = field(default_factory=TemplateResources)

    def read(
        self, asked: Sequence[tuple[str, AwsSource]], store: Store
    ) -> Mapping[str, PublishedFunction | RollbackError]:
        self.asked += [source for _, source in asked]
        gone = SourceError("there is no such function", why="AWS says so", do="Correct the name")
        return {name: self.functions.get(name, gone) for name, _ in asked}

    def discover(self, discovery: Discovery, store: Store) -> tuple[tuple[str, AwsSource], ...]:
        self.sweeps.append(discovery.name)
        if isinstance(self.discovered, RollbackError):
            raise self.discovered
        return tuple(
            (name, AwsSource(function_name=name, region=discovery.region))
            for name in self.discovered
        )

    def build(
        self,
        path: Path,
        *,
        function: str,
        aws_name: str | None,
        region: str | None,
        account: str | None,
    ) -> Build:
        self.builds.append((path, function, aws_name, region, account))
        return self.built if self.built is not None else Build(path=path)

    def stateful(self, template: Path) -> TemplateResources:
        self.templates.append(template)
        return self.resources


Load = Callable[..., Settings]


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def loaded(tmp_path: Path, account: Account) -> Load:
    def load_text(text: str, **options: object) -> Settings:
        path = tmp_path / "lambda-rollback.toml"
        path.write_text(text, encoding="utf-8")
        return load(
            path,
            CommandLine(directory=tmp_path, **options),  # type: ignore[arg-type]
            known_runtimes=frozenset({"python3.11"}),
            engines=("docker", "process"),
            published=account,
            now=NOW,
        )

    return load_text


@pytest.fixture
def billing(loaded: Load) -> Callable[..., FunctionSettings]:
    return lambda text="", **options: loaded(
        f'[functions.billing]\naws = "billing-prod"\n{text}', **options
    ).function("billing")


def targets(function: FunctionSettings) -> list[str]:
    return [target.version for target in function.targets]


def current(function: FunctionSettings) -> str:
    assert function.current is not None
    return function.current.version


# --- what is enough -------------------------------------------------------------------------


def test_the_name_in_aws_is_enough(billing: Callable[..., FunctionSettings]) -> None:
    function = billing()
    assert (current(function), function.alias) == ("4", "live")
    assert targets(function) == ["3", "2", "1"]
    assert function.current_from == "alias live"
    assert (function.region, function.account) == ("eu-west-1", "111122223333")
    assert function.events_text == "events/billing"
    assert function.placeholders == ("KEY", "TABLE")


def test_without_an_alias_the_newest_published_version_is_current(
    account: Account, billing: Callable[..., FunctionSettings]
) -> None:
    account.functions = {"billing": replace(BILLING, aliases=())}
    function = billing()
    assert (current(function), function.alias) == ("5", None)
    assert function.current_from == "the newest published version"


def test_aliases_that_disagree_leave_the_current_version_open(
    account: Account, billing: Callable[..., FunctionSettings]
) -> None:
    other = AliasFacts(name="dev", version="5")
    account.functions = {"billing": replace(BILLING, aliases=(other, LIVE))}
    function = billing()
    assert function.current is None
    assert "its aliases point at different versions: dev (5) and live (4)" in str(function.reason)
    assert function.published is not None
    assert current(billing('current = "live"')) == "4"


def test_fixtures_are_looked_for_where_recordings_go(
    tmp_path: Path, billing: Callable[..., FunctionSettings]
) -> None:
    (tmp_path / "events" / "billing").mkdir(parents=True)
    (tmp_path / "events" / "billing" / "paid.json").write_text("{}")
    assert [path.name for path in billing().events] == ["paid.json"]


def test_a_target_without_fixtures_says_how_to_record_some(loaded: Load) -> None:
    checks = checks_of(loaded('[functions.billing]\naws = "billing-prod"'))
    reasons = {check.reason for check in checks if check.name == "events"}
    assert len(reasons) == 1
    assert "`lambda-rollback record billing`" in str(reasons.pop())


# --- targets --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("targets = { last = 1 }", ["3"]),
        ('targets = ["1", "live"]\ncurrent = "5"', ["1", "4"]),
        ('current = "5"\ntargets = { previous = "live" }', ["1", "2"]),
        ('current = "5"\ntargets = { previous = "live", last = 1 }', ["1"]),
        # Published on 2026-02-01 and 2026-03-01: both are within the days before 2026-11-01.
        ("targets = { max_age_days = 275 }", ["3", "2"]),
        ("targets = { max_age_days = 275, last = 1 }", ["3"]),
        ("targets = { max_age_days = 1 }", []),
        ('current = "$LATEST"\ntargets = { last = 2 }', ["5", "4"]),
    ],
)
def test_targets(billing: Callable[..., FunctionSettings], said: str, expected: list[str]) -> None:
    assert targets(billing(said)) == expected


def test_a_version_that_only_the_archive_has_is_still_a_target(
    account: Account, billing: Callable[..., FunctionSettings]
) -> None:
    versions = tuple(replace(v, gone=v.version == "3") for v in BILLING.versions)
    account.functions = {"billing": replace(BILLING, versions=versions)}
    assert targets(billing()) == ["3", "2", "1"]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ('current = "lvie"', 'names "lvie", which is not a version or alias of billing. Did you '
         'mean "live"? Versions in AWS and the archive are $LATEST, 5, 4, 3, 2 and 1'),
        ('targets = ["9"]', 'names "9", which is not a version or alias of billing'),
        ('targets = ["live"]', "is 4, the current version itself"),
        ('targets = { previous = "old" }', 'billing has no alias "old"'),
        (
            '[[functions.billing.accept]]\ntarget = "5"\ncheck = "a"\nreason = "b"\n'
            "until = 2027-01-01",
            "is 5, which is not a rollback target",
        ),
    ],
)  # fmt: skip
def test_what_aws_does_not_have_makes_that_function_unknown(
    loaded: Load, account: Account, said: str, reason: str
) -> None:
    account.functions = {"billing": BILLING, "other": replace(BILLING, name="other")}
    text = f'[functions.other]\naws = "other"\n[functions.billing]\naws = "billing-prod"\n{said}'
    settings = loaded(text)
    assert reason in str(settings.function("billing").reason)
    assert settings.function("other").reason is None
    checks = [check for check in checks_of(settings) if check.function == "billing"]
    assert [(check.name, check.reason is not None) for check in checks] == [("aws", True)]


def test_what_cannot_be_asked_makes_that_function_unknown_and_those_that_name_it(
    loaded: Load, account: Account
) -> None:
    failed = SourceError("billing cannot be read", why="lambda:ListVersionsByFunction is missing")
    account.functions = {"billing": failed, "next": replace(BILLING, name="next")}
    settings = loaded(
        '[functions.billing]\naws = "b"\n[functions.next]\naws = "n"\ntargets = ["billing:3"]\n'
    )
    assert settings.function("billing").reason == str(failed)
    assert "lambda:ListVersionsByFunction is missing" in str(settings.function("next").reason)


# --- the tables -----------------------------------------------------------------------------


def test_where_a_function_is_read_from(loaded: Load, account: Account) -> None:
    loaded(
        'region = "eu-central-1"\n'
        'aws = { profile = "prod", role_arn = "arn:aws:iam::111122223333:role/reader" }\n'
        '[functions.billing]\naws = { function_name = "b", region = "eu-west-1" }\n'
        '[functions.other]\naws = { function_name = "o", profile = "dev", environment = "fetch" }\n'
    )
    role = "arn:aws:iam::111122223333:role/reader"
    assert account.asked == [
        AwsSource(function_name="b", region="eu-west-1", profile="prod", role_arn=role),
        AwsSource(
            function_name="o",
            region="eu-central-1",
            profile="dev",
            role_arn=role,
            environment=Environment.FETCH,
        ),
    ]


def test_values_for_the_environment_take_placeholders_away(
    billing: Callable[..., FunctionSettings],
) -> None:
    function = billing('environment = { TABLE = "orders-test" }')
    assert function.environment == (("TABLE", "orders-test"),)
    assert function.placeholders == ("KEY",)
    assert "orders-test" not in repr(function)


def test_fetched_values_leave_no_placeholder(loaded: Load) -> None:
    text = '[functions.billing]\naws = { function_name = "b", environment = "fetch" }'
    assert loaded(text).function("billing").placeholders == ()


def test_the_archive_is_beside_the_file_and_not_collected(tmp_path: Path, loaded: Load) -> None:
    (tmp_path / ".lambda-rollback").mkdir()
    settings = loaded('[functions.billing]\naws = "b"')
    assert settings.store == Store(path=tmp_path / ".lambda-rollback")
    assert tmp_path / ".lambda-rollback" in artifact_paths(settings)
    text = 'store = { path = "kept", s3 = "s3://my-bucket/rollback" }\n[functions.b]\naws = "b"'
    assert loaded(text).store == Store(path=tmp_path / "kept", bucket="s3://my-bucket/rollback")


def test_redaction_and_offline_arrive(loaded: Load) -> None:
    text = (
        'redact = { pointers = ["/customer/*/name"], keys = ["*_note"], keep = ["/id"] }\n'
        '[functions.billing]\naws = "b"'
    )
    settings = loaded(text, offline=True)
    assert settings.redact == Redact(
        pointers=("/customer/*/name",), keys=("*_note",), keep=("/id",)
    )
    assert settings.offline


MISTAKES = {
    'aws = "billing-prod:live"': 'Write "billing-prod", and current = "live"',
    'aws = "bad name"': "expected the name of a Lambda function, or its ARN without a version",
    'aws = { region = "eu-west-1" }': "functions.billing.aws.function_name is missing",
    'aws = { function_name = "b", regoin = "x" }': 'Did you mean "region"?',
    'aws = { function_name = "b", region = "Ireland" }': "expected the name of an AWS region",
    'aws = { function_name = "b", role_arn = "x" }': "expected the ARN of an IAM role",
    'aws = { function_name = "b", environment = "values" }': "expected one of placeholder, fetch",
    'aws = "b"\nenvironment = { A1 = 3 }': "functions.billing.environment.A1 is not a string",
    'aws = "b"\naliases = { live = "4" }': "the aliases of billing come from AWS",
    'aws = "b"\ntargets = { lats = 3 }': 'Did you mean "last"?',
    'aws = "b"\ntargets = 3': "expected an array of versions",
    'aws = "b"\ntargets = [3.5]': "functions.billing.targets[0] is a float (3.5)",
    'aws = "b"\ntargets = { last = 0 }': "expected a whole number of at least 1",
    'aws = "b"\ncurrent = { pth = "x" }': 'Did you mean "path"?',
    'aws = "b"\ncurrent = 4.0': "functions.billing.current is a float (4.0)",
    'aws = "b"\nstrategies = ["alais"]': 'Did you mean "alias"?',
    'aws = "b"\n[[functions.billing.accept]]\ntarget = "2"\ncheck = "x"\nresaon = "r"': (
        'Did you mean "reason"?'
    ),
    'aws = "b"\naccount = "111122223333"': 'unknown key "account"',
}


@pytest.mark.parametrize("said", MISTAKES)
def test_mistakes_are_told_before_aws_is_asked(loaded: Load, account: Account, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(f"[functions.billing]\n{said}\n")
    assert MISTAKES[said] in str(caught.value)
    assert account.asked == []


@pytest.mark.parametrize(
    ("top", "message"),
    [
        ('engine = "dokcer"', 'Did you mean "docker"?'),
        ('strategies = ["alais"]', 'Did you mean "alias"?'),
        ('unknown = "pass"', "expected one of fail, skip"),
        ("workers = 0", "expected a whole number of at least 1"),
        ('account = "1"', "expected a string of 12 digits"),
    ],
)
def test_mistakes_at_the_top_are_told_before_aws_is_asked(
    loaded: Load, account: Account, top: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(f'{top}\n[functions.billing]\naws = "b"\n')
    assert message in str(caught.value)
    assert account.asked == []


def test_a_mistake_in_one_sweep_is_told_before_another_one_is_made(
    loaded: Load, account: Account
) -> None:
    sweep = 'aws = { prefix = "b" }\n'
    with pytest.raises(ConfigError) as caught:
        loaded(f"[discover.one]\n{sweep}[discover.two]\n{sweep}targets = {{ lst = 3 }}\n")
    assert 'unknown key "lst" in discover.two.targets. Did you mean "last"?' in str(caught.value)
    assert account.sweeps == []


def test_an_empty_list_of_targets_is_called_so(billing: Callable[..., FunctionSettings]) -> None:
    assert billing("targets = []").no_targets == (
        "billing has no rollback target: functions.billing.targets is empty. List the "
        "versions that traffic may go back to, or omit it for the newest 3"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('store = { s3 = "my-bucket" }\n', "expected a bucket and a prefix"),
        ('redact = { pointers = ["name"] }\n', "expected a JSON Pointer"),
        ('[discover.shop]\nevents = "events"\n', "discover.shop.aws is missing"),
        (
            '[discover."../../shop".aws]\nprefix = "x"\n',
            "is not a valid name for a discovery of functions",
        ),
        ("[discover.shop.aws]\n", "sets none of prefix, tags and stack"),
        ("[discover.shop]\naws = { tags = { team = 1 } }\n", "expected a string"),
    ],
)
def test_mistakes_of_the_other_tables(loaded: Load, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(text + '[functions.billing]\naws = "b"\n' * ("functions" not in text))
    assert message in str(caught.value)


# --- discovery ------------------------------------------------------------------------------

SHOP = """
[discover.shop]
aws = { prefix = "shop-", region = "eu-west-1" }
events = "events/{function}"
targets = { last = 1 }
"""


def test_one_entry_stands_for_many_functions(
    tmp_path: Path, loaded: Load, account: Account
) -> None:
    account.discovered = ("shop-a", "shop-b")
    account.functions = {name: replace(BILLING, name=name) for name in account.discovered}
    (tmp_path / "events" / "shop-a").mkdir(parents=True)
    (tmp_path / "events" / "shop-a" / "x.json").write_text("{}")
    settings = loaded(SHOP)
    assert [function.name for function in settings.functions] == ["shop-a", "shop-b"]
    assert [len(function.events) for function in settings.functions] == [1, 0]
    assert all(targets(function) == ["3"] for function in settings.functions)


def test_a_function_that_the_file_declares_itself_is_not_taken_twice(
    loaded: Load, account: Account
) -> None:
    account.discovered = ("shop-a", "billing-prod")
    account.functions = {"billing": BILLING, "shop-a": replace(BILLING, name="shop-a")}
    settings = loaded('[functions.billing]\naws = "billing-prod"\n' + SHOP)
    assert [function.name for function in settings.functions] == ["billing", "shop-a"]


def test_a_discovery_that_fails_or_finds_nothing_is_unknown(loaded: Load, account: Account) -> None:
    assert "found no function" in str(loaded(SHOP).function("shop").reason)
    account.discovered = SourceError("functions cannot be listed", why="no credentials")
    settings = loaded(SHOP)
    assert "functions cannot be listed: no credentials" in str(settings.function("shop").reason)
    assert [check.name for check in checks_of(settings)] == ["aws"]


# --- candidates -----------------------------------------------------------------------------


def test_a_candidate_takes_what_it_does_not_say_from_latest(
    tmp_path: Path, billing: Callable[..., FunctionSettings]
) -> None:
    (tmp_path / "build").mkdir()
    function = billing(candidates=("billing=build",))
    candidate = function.current
    assert isinstance(candidate, LocalVersion)
    assert (candidate.version, candidate.code) == ("candidate", tmp_path / "build")
    assert candidate.layers == BILLING.versions[0].layers
    assert candidate.environment_names == ("KEY", "TABLE")
    assert targets(function) == ["5", "4", "3"]
    assert "layers from $LATEST" in function.inherited
    assert "handler from $LATEST" in function.inherited


def test_what_a_template_says_goes_before_latest(
    tmp_path: Path, account: Account, billing: Callable[..., FunctionSettings]
) -> None:
    (tmp_path / "template.yaml").write_text("")
    account.built = Build(
        path=tmp_path / "built",
        origin="Billing in template.yaml",
        layers=(tmp_path / "layer", LAYER),
        configuration=FunctionConfiguration(
            handler="main.handler", memory_mb=512, environment=(("TABLE", "t"),)
        ),
        stated=frozenset({"handler", "memory_mb", "environment"}),
        environment_names=("TABLE", "TOPIC"),
    )
    candidate = billing(candidates=("template.yaml#Billing",)).current
    path = tmp_path / "template.yaml#Billing"
    assert account.builds == [(path, "billing", "billing-prod", "eu-west-1", "111122223333")]
    assert isinstance(candidate, LocalVersion)
    assert candidate.code == tmp_path / "built"
    assert candidate.layers == (
        tmp_path / "layer",
        RemotePackage(kind=PackageKind.LAYER, arn=LAYER, size_bytes=0),
    )
    assert (candidate.configuration.handler, candidate.configuration.memory_mb) == (
        "main.handler",
        512,
    )
    assert (candidate.configuration.environment, candidate.environment_names) == (
        (("TABLE", "t"),),
        ("TOPIC",),
    )


@pytest.mark.parametrize(
    ("alias", "weights", "shares"),
    [
        ("live", (("3", 0.1),), (90, 10)),
        ("live", (("3", 0.001),), (99, 1)),
        ("live", (), (1, 1)),
        ("other", (("3", 0.1),), (1, 1)),
    ],
)
def test_mixed_passes_share_events_as_a_weighted_alias_does(
    alias: str, weights: tuple[tuple[str, float], ...], shares: tuple[int, int]
) -> None:
    published = replace(BILLING, aliases=(replace(LIVE, weights=weights),))
    settings = FunctionSettings(name="billing", current=None, alias=alias, published=published)
    assert settings.weights == shares
